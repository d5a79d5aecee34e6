"""Why a base model can't be used."""

from __future__ import annotations

from steps import ProductTaggerError


class BaseModelError(ProductTaggerError):
    """The base model can't be used; the message says why and what to do."""
