"""Why a file or one of its rows can't be used."""

from __future__ import annotations


class FileError(Exception):
    """A file can't be used; the message says what is wrong, where, and what to do."""


class RowError(Exception):
    """A row can't be used."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keeps a short phrase to count by, and the sentence for this row."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
