"""What stops a server from being served, as sentences for the person at the terminal."""

from __future__ import annotations

from steps import ProductTaggerError


class ServingError(ProductTaggerError):
    """Something can't be served; the message says what is wrong, where, and what to do."""
