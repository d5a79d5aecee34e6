"""What the suite fails with."""

from __future__ import annotations

from steps import ProductTaggerError


class QualityError(ProductTaggerError):
    """Something can't be measured; the message says why and what to do."""
