"""What every format gives: rows of cells with their place in the file, so that every line can be accounted for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from product_tagger_files.errors import RowError


@dataclass(frozen=True, slots=True)
class Row:
    """Some lines of a file that belong together: a product's row, a row that can't be read, or no row at all.

    The rows of a file follow each other without a gap: the sum of their `lines` is the file's number of lines.

    Attributes:
        line: The first line, from 1. In Parquet and other files without lines: the row, from 1.
        values: Column → cell. None where there is an error, and for lines that hold no row: the header, empty lines.
        lines: How many lines of the file it covers.
        error: Why a row has no values.
        raw: What was read of a row with an error, as far as it could be.
    """

    line: int
    values: Mapping[str, Any] | None
    lines: int = 1
    error: RowError | None = None
    raw: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether these lines hold no row: neither values nor an error."""
        return self.values is None and self.error is None


@dataclass(frozen=True, slots=True)
class Table:
    """An open file as rows.

    Attributes:
        columns: The names of its columns, as often as the file has them; None where each row names its own (JSON).
        rows: Gives all rows, once. Its argument names the columns that are needed; None: all of them. A row may hold
            more.
        encoding: Of a text file, as it was named or detected; None where the format has one of its own.
    """

    columns: tuple[str, ...] | None
    rows: Callable[[Collection[str] | None], Iterator[Row]]
    encoding: str | None = None
