"""Which products belong together, so that one part of the splits has them all."""

from catalog.grouping.groups import LargeGroup, ProductKeys, large_groups

__all__ = ["LargeGroup", "ProductKeys", "large_groups"]
