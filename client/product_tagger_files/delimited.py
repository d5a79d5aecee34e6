"""Rows of delimited text: CSV, TSV and their relatives, as spreadsheets and as feeds write them.

A quoted cell may go on over many lines. Where it is never closed, or closed in the middle of a text, the quote was a
mere character, or the file is broken. The row is then read with quotes as characters, if it has the right number of
cells so. Otherwise all lines that may belong to the cell are one reject: a line of a description never becomes a row.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from product_tagger_files.dialect import Dialect, read_dialect
from product_tagger_files.encodings import shown, undecodable
from product_tagger_files.errors import FileError, RowError
from product_tagger_files.lines import MOST_CHARACTERS, Lines, is_piece, too_long
from product_tagger_files.quoting import BrokenQuoting, LineParser, Record, literal_cells, stays_open
from product_tagger_files.rows import Row, Table

logger = logging.getLogger(__name__)

_FEW_LINES = 100
_MANY_LINES = 10
_SHOWN = 2000
# Characters that may be read again after quotes that led nowhere: at least, and for each character of the file.
_LEAST_AGAIN = 1 << 26
_AGAIN = 8


def open_delimited(text: io.TextIOWrapper, path: Path, default: str) -> Table:
    """Reads the header.

    Args:
        text: The file's text.
        path: Its name, for errors.
        default: The delimiter of a file with one column.

    Raises:
        FileError: There is no header.
    """
    lines = Lines(text)
    dialect = read_dialect(lines, path, default)
    return Table(dialect.header, lambda needed: _Delimited(lines, dialect, path, needed).rows())


class _Delimited:
    """The rows below a header."""

    def __init__(self, lines: Lines, dialect: Dialect, path: Path, needed: Collection[str] | None) -> None:
        self._lines = lines
        self._delimiter = dialect.delimiter
        self._header = dialect.header
        self._names = frozenset(dialect.header)
        self._width = len(dialect.header)
        self._above = dialect.lines
        self._path = path
        self._wanted = [(name, place) for place, name in enumerate(dialect.header) if needed is None or name in needed]
        self._parser = LineParser(dialect.delimiter)
        self._quoted = re.compile(f'(?:^|{re.escape(dialect.delimiter)})"[^"]')
        self._read = 0
        self._again = 0
        self._headers = 0

    def rows(self) -> Iterator[Row]:
        """Gives every line of the file in a row."""
        yield Row(1, None, self._above)
        while line := self._lines.take():
            self._read += len(line)
            if is_piece(line):
                yield self._rest_of_long_row([line], self._lines.taken + 1)
                continue
            cells = self._parser.cells(line)
            if cells is None:
                yield self._quoted_row(line, self._lines.taken)
            elif len(cells) == self._width:
                yield self._row(cells, self._lines.taken, 1, line)
            else:
                yield self._fitted_row(cells, self._lines.taken, 1, line)
        if self._headers:
            logger.info("%s: %s more lines name the columns again; they are no rows", self._path.name, self._headers)

    def _row(self, cells: list[str], line: int, lines: int, text: str) -> Row:
        if not any(cells) or self._is_header(cells, line):
            return Row(line, None, lines)
        if (error := undecodable(text, self._lines.encoding)) is not None:
            return Row(line, None, lines, error, [shown(cell) for cell in cells])
        return Row(line, {name: cells[place] for name, place in self._wanted}, lines)

    def _fitted_row(self, cells: list[str], line: int, lines: int, text: str) -> Row:
        """A row that may lack its trailing empty cells, or have too many of them."""
        if self._delimiter == "\t" and lines == 1 and len(literal := literal_cells(text, "\t")) == self._width:
            cells = literal  # a tab within a cell is rarer than a quote that is a character
        if not any(cell.strip() for cell in cells[self._width :]):
            cells = cells[: self._width]
        # One cell of many is rather half of a row with a line break in it that is not quoted.
        if len(cells) < self._width and (len(cells) > 1 or self._width == 2 or not text.strip()):
            cells = cells + [""] * (self._width - len(cells))
        if len(cells) != self._width and text.strip():
            detail = f"{len(cells)} cells where the first line names {self._width} columns"
            return Row(line, None, lines, RowError("wrong column count", detail), [shown(cell) for cell in cells])
        return self._row(cells, line, lines, text)

    def _quoted_row(self, first: str, line: int) -> Row:
        """A row whose first line leaves a quoted cell open, or has a quote where none may be."""
        taken = self._until_even(first)
        if (cells := self._parser.cells_of(taken)) is not None and len(cells) == self._width:
            return self._whole_row(cells, taken, line)
        self._lines.give_back(taken[1:])
        record, taken, length = Record(self._delimiter), [first], len(first)
        try:
            while not record.add(taken[-1]):
                following = self._lines.take()
                if not following or len(record.cells) > self._width:
                    raise BrokenQuoting
                taken.append(following)
                length += len(following)
                if length > MOST_CHARACTERS:
                    raise BrokenQuoting
        except BrokenQuoting:
            return self._broken_row(taken, line, is_long=length > MOST_CHARACTERS)
        if len(record.cells) > self._width and any(record.cells[self._width :]):
            return self._broken_row(taken, line, is_long=False)
        return self._whole_row(record.cells, taken, line)

    def _until_even(self, first: str) -> list[str]:
        """The first lines with an even number of quotes, as a well-quoted row has it; few, as a guess."""
        taken, is_even = [first], first.count('"') % 2 == 0
        while not is_even and len(taken) < _FEW_LINES and (text := self._lines.take()):
            taken.append(text)
            is_even ^= text.count('"') % 2 == 1
        return taken

    def _whole_row(self, cells: list[str], taken: list[str], line: int) -> Row:
        """A row that is well quoted, over many lines as a rule; its lines may yet be rows with quotes as characters."""
        first = taken[0]
        if self._delimiter == "\t" and all(self._is_literal(text, least=self._width) for text in taken):
            self._give_back(taken[1:])
            return self._row(literal_cells(first, "\t"), line, 1, first)
        if len(taken) > _MANY_LINES and all(self._is_literal(text, least=self._width) for text in taken[1:]):
            detail = (
                f"lines {line} to {line + len(taken) - 1} are one cell with line breaks, or rows in which a quote is a "
                f"mere character: double the quotes in lines {line} and {line + len(taken) - 1}"
            )
            raw = shown("".join(taken)[:_SHOWN])
            return Row(line, None, len(taken), RowError("ambiguous quoting", detail), raw)
        self._read += sum(map(len, taken[1:]))
        return self._fitted_row(cells, line, len(taken), "".join(taken))

    def _broken_row(self, taken: list[str], line: int, *, is_long: bool) -> Row:
        """A row whose quotes can't be right: with quotes as characters if that fits, else all that it may swallow."""
        least = 2 if self._delimiter == "\t" else self._width
        following = taken[1] if len(taken) > 1 else self._peek()
        is_alone = not following.strip() or self._is_literal(following, least) or self._is_good(following)
        if self._is_literal(taken[0], least) and is_alone:
            self._give_back(taken[1:])
            return self._fitted_row(literal_cells(taken[0], self._delimiter), line, 1, taken[0])
        if is_long:
            return self._rest_of_long_row(taken, line)
        self._give_back(taken[1:])
        is_open = stays_open(taken[0], self._delimiter, False)
        raw = shown(taken[0][:_SHOWN])
        while is_open and (text := self._lines.take()):
            if self._is_good(text) and self._quoted.search(text):
                self._give_back([text])
                break
            self._read += len(text)
            is_open = stays_open(text, self._delimiter, True)
        last = self._lines.taken
        place = f"line {line}" if last == line else f"lines {line} to {last}"
        detail = f"{place} can't be read: a quote in line {line} is not closed, or not doubled within a cell"
        return Row(line, None, last - line + 1, RowError("broken quoting", detail), raw)

    def _rest_of_long_row(self, taken: list[str], line: int) -> Row:
        """Passes over what belongs to a row with too many characters: until its quotes are even at a line's end."""
        raw = shown(taken[0][:_SHOWN])
        is_even = sum(text.count('"') for text in taken) % 2 == 0
        text = taken[-1]
        while (is_piece(text) or not is_even) and (text := self._lines.take()):
            self._read += len(text)
            is_even ^= text.count('"') % 2 == 1
        return Row(line, None, max(1, self._lines.taken - line + 1), too_long(), raw)

    def _is_good(self, text: str) -> bool:
        cells = None if is_piece(text) else self._parser.cells(text)
        return cells is not None and len(cells) == self._width

    def _is_literal(self, text: str, least: int) -> bool:
        """Whether a line is a row if quotes are characters."""
        return self._width > 1 and least <= text.count(self._delimiter) + 1 <= self._width

    def _peek(self) -> str:
        text = self._lines.take()
        if text:
            self._lines.give_back([text])
        return text

    def _give_back(self, lines: list[str]) -> None:
        self._lines.give_back(lines)
        self._again += sum(map(len, lines))
        if self._again > max(_LEAST_AGAIN, _AGAIN * self._read):
            raise FileError(
                f"{self._path}: the quotes are broken in so many rows up to line {self._lines.taken:,} that it can't "
                "be read: double the quotes within cells, or write JSON lines"
            )

    def _is_header(self, cells: list[str], line: int) -> bool:
        """Whether a row names the columns again, as in files that were joined."""
        if cells[0].strip("\ufeff \t") not in self._names:
            return False
        names = [" ".join(cell.strip("\ufeff").split()) for cell in cells]
        if names == list(self._header):
            self._headers += 1
            return True
        if self._width > 2 and sorted(names) == sorted(self._header):
            raise FileError(
                f"{self._path}: line {line} names the columns again, in another order: split the file there"
            )
        return False
