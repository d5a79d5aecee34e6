"""What the commands that measure fail with."""

from __future__ import annotations

from steps import ProductTaggerError


class LoadtestError(ProductTaggerError):
    """Something can't be measured; the message says why and what to do."""
