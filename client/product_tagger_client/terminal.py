"""Columns on a terminal, where a Chinese character takes two places."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence


def display_width(text: str) -> int:
    """Places a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def shorten(text: str, width: int) -> str:
    """The text, cut to so many places; the cut is shown."""
    if display_width(text) <= width:
        return text
    while display_width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def aligned(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> Iterator[str]:
    """Lines with the cells of each column below each other.

    Args:
        rows: Cells; all rows have as many.
        right: The columns, counted from 0, whose cells end below each other: numbers.
    """
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = []
        for place, cell in enumerate(row):
            gap = " " * (widths[place] - display_width(cell))
            cells.append(gap + cell if place in right else cell + gap)
        yield "  ".join(cells).rstrip()
