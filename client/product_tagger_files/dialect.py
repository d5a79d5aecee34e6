"""How a delimited file is written: its delimiter and the names of its columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from product_tagger_files.errors import FileError
from product_tagger_files.lines import Lines, is_piece
from product_tagger_files.quoting import BrokenQuoting, LineParser, Record, literal_cells

_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_HEADER_LINES = 100
_LOOKED_AT = 50
MOST_COLUMNS = 4096


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written.

    Attributes:
        delimiter: One character.
        header: The names of the columns, without white space around or line breaks within them.
        lines: How many lines they take, with those above them.
    """

    delimiter: str
    header: tuple[str, ...]
    lines: int


def read_dialect(lines: Lines, path: Path, default: str) -> Dialect:
    """Reads up to the end of the header; the next line is the first of the rows.

    Args:
        lines: The file, from its beginning.
        path: Its name, for errors.
        default: The delimiter of a file with one column.

    Raises:
        FileError: There is no header, or it has too many columns.
    """
    delimiters = _DELIMITERS
    while not (first := lines.take()).strip():
        if not first:
            raise FileError(f"{path} is empty; its first line must name the columns")
    if match := _SEPARATOR_LINE.fullmatch(first):
        delimiters = default = match[1]
        first = lines.take()
    ahead = [first, *(lines.take() for _ in range(_HEADER_LINES + _LOOKED_AT))]
    ahead = [line for line in ahead if line]
    if not ahead or not ahead[0].strip() or is_piece(ahead[0]):
        raise FileError(f"{path} has no line that names the columns")
    tried = [_try(delimiter, ahead) for delimiter in delimiters]
    best = max(tried, key=lambda choice: (choice.agreement, len(choice.header)))
    if len(best.header) == 1:
        best = _try(default, ahead)
    lines.give_back(ahead[best.lines :])
    if len(best.header) > MOST_COLUMNS:
        raise FileError(f"{path} names {len(best.header):,} columns; more than {MOST_COLUMNS:,} are not read")
    return Dialect(best.delimiter, best.header, lines.taken)


@dataclass(frozen=True, slots=True)
class _Choice:
    delimiter: str
    header: tuple[str, ...]
    lines: int
    agreement: float


def _try(delimiter: str, ahead: list[str]) -> _Choice:
    """The header as one delimiter gives it, and the share of the lines below it with as many cells."""
    record, taken = Record(delimiter), 0
    try:
        while not record.add(ahead[taken]):
            taken += 1
        header, taken = record.cells, taken + 1
    except (BrokenQuoting, IndexError):  # a quote that is never closed is a character
        header, taken = literal_cells(ahead[0], delimiter), 1
    names = tuple(" ".join(name.split()) for name in header)
    if len(names) == 1:
        return _Choice(delimiter, names, taken, 0.0)
    parser = LineParser(delimiter)
    rows = [cells for line in ahead[taken : taken + _LOOKED_AT] if line.strip() and (cells := parser.cells(line))]
    agreement = sum(len(cells) == len(names) for cells in rows) / max(1, len(rows))
    return _Choice(delimiter, names, taken, agreement)
