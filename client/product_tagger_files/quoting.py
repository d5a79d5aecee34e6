"""Cells of delimited text: as spreadsheets quote them, and as feeds write them, where a quote is a mere character.

A quoted cell begins with `"` and ends with a `"` before a delimiter or the line's end; quotes in it are doubled. In
any other place a quote is a character.
"""

from __future__ import annotations

import csv
import re
from typing import Any

_CSV_LIMIT = 131_072
"""What the csv module takes in a cell unless its limit, which is everybody's, is raised."""


class BrokenQuoting(Exception):
    """A quoted cell goes on behind its end."""


class Record:
    """Takes the lines of one row until its last quoted cell is closed.

    Attributes:
        cells: The cells that are complete.
    """

    def __init__(self, delimiter: str) -> None:
        """Starts outside of a cell."""
        self.cells: list[str] = []
        self._delimiter = delimiter
        self._parts: list[str] | None = None

    def add(self, line: str) -> bool:
        """Takes the next line; returns whether the row ends with it.

        Raises:
            BrokenQuoting: A closing quote is followed by neither a delimiter nor the line's end.
        """
        place = 0
        while True:
            if self._parts is None:
                if line.startswith('"', place):
                    self._parts = []
                    place += 1
                    continue
                end = line.find(self._delimiter, place)
                if end < 0:
                    self.cells.append(line[place:].rstrip("\r\n"))
                    return True
                self.cells.append(line[place:end])
                place = end + 1
                continue
            quote = line.find('"', place)
            if quote < 0:
                self._parts.append(line[place:])
                return False
            self._parts.append(line[place:quote])
            after = line[quote + 1 : quote + 2]
            place = quote + 2
            if after == '"':
                self._parts.append('"')
                continue
            if after not in ("", "\r", "\n", self._delimiter):
                raise BrokenQuoting
            self.cells.append("".join(self._parts))
            self._parts = None
            if after != self._delimiter:
                return True


class LineParser:
    """Takes lines apart that hold a row each: the csv module does it, one line at a time."""

    def __init__(self, delimiter: str) -> None:
        """Prepares for lines with one delimiter."""
        self._delimiter = delimiter
        self._line: str | None = None
        self._reader = csv.reader(self, delimiter=delimiter, strict=True)

    def __iter__(self) -> LineParser:
        return self

    def __next__(self) -> str:
        line, self._line = self._line, None
        if line is None:
            raise StopIteration
        return line

    def cells_of(self, lines: list[str]) -> list[str] | None:
        """Returns the cells of a row of several lines, likewise; None also where it ends before the last of them."""
        if sum(map(len, lines)) > _CSV_LIMIT:
            return None
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        try:
            cells = next(reader)
        except csv.Error:
            return None
        return cells if reader.line_num == len(lines) else None

    def cells(self, line: str) -> list[str] | None:
        """Returns the cells of a line; None where a quoted cell is not closed on it, or not quoted well."""
        if '"' not in line:
            return line.rstrip("\r\n").split(self._delimiter)
        if len(line) > _CSV_LIMIT:
            record = Record(self._delimiter)
            try:
                return record.cells if record.add(line) else None
            except BrokenQuoting:
                return None
        self._line = line
        try:
            return next(self._reader)
        except csv.Error:
            return None


def literal_cells(line: str, delimiter: str) -> list[str]:
    """Returns the cells of a line in which every quote is a character."""
    return line.rstrip("\r\n").split(delimiter)


def stays_open(line: str, delimiter: str, is_open: bool) -> bool:
    """Whether a quoted cell is open at a line's end, where quotes within it need not be doubled.

    Args:
        line: The line.
        delimiter: Between cells.
        is_open: Whether a quoted cell is open at the line's beginning.
    """
    # Behind an odd number of quotes before a delimiter or the end, a cell is closed.
    closing: Any = re.compile(f'(?<!")(?:"")*"(?={re.escape(delimiter)}|[\\r\\n]*$)')
    place = 0
    while True:
        if is_open:
            match = closing.search(line, place)
            if match is None:
                return True
            place = match.end() + 1
        if place >= len(line):
            return False
        if line[place] == '"':
            is_open = True
            place += 1
            continue
        end = line.find(delimiter, place)
        if end < 0:
            return False
        place, is_open = end + 1, False
