"""Measures what the splits leak: `python -m catalog.leakage`."""

from catalog.leakage.catalogues import Variants, catalogues, variants_of
from catalog.leakage.measures import Leakage, leakage_of

__all__ = ["Leakage", "Variants", "catalogues", "leakage_of", "variants_of"]
