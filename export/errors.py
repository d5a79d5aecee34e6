"""What stops a checkpoint from becoming a release, as sentences for the person at the terminal."""

from __future__ import annotations

from steps import ProductTaggerError


class ExportError(ProductTaggerError):
    """Something can't be exported; the message says what is wrong, where, and what to do."""


class Incomplete(ExportError):
    """All that this machine can do is done and in order; the message says which machine a release needs."""
