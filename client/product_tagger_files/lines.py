"""The lines of a text, bounded in length, some of which can be given back."""

from __future__ import annotations

import io
from collections import deque

from product_tagger_files.errors import RowError

MOST_CHARACTERS = 1 << 22
"""Characters of a row. One with more is rejected, and not held in memory."""


class Lines:
    """Reads lines one by one.

    Attributes:
        taken: How many lines have been taken and not given back.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        """Starts before the first line."""
        self.encoding = text.encoding
        self.taken = 0
        self._text = text
        self._waiting: deque[str] = deque()

    def take(self) -> str:
        """Returns the next line with its line break; empty at the end.

        A line of MOST_CHARACTERS or more comes in pieces. Only its last counts as taken.
        """
        line = self._waiting.popleft() if self._waiting else self._text.readline(MOST_CHARACTERS)
        if line and (len(line) < MOST_CHARACTERS or not is_piece(line)):
            self.taken += 1
        return line

    def give_back(self, lines: list[str]) -> None:
        """Makes lines that were taken last the next ones again, in their order."""
        self._waiting.extendleft(reversed(lines))
        self.taken -= sum(not is_piece(line) for line in lines)


def is_piece(line: str) -> bool:
    """Whether a line is the beginning of one that is too long."""
    return len(line) >= MOST_CHARACTERS and line[-1] not in "\r\n"


def too_long() -> RowError:
    """The error for a row with too many characters."""
    return RowError("row too long", f"the row has more than {MOST_CHARACTERS:,} characters")
