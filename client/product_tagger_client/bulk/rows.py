"""The rows of an input as a run sends them: read as training reads them, by `product_tagger_files`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from product_tagger_files import FileError, Notes, Product, ReadOptions, Reject, read_products

from ..errors import BulkError


@dataclass(frozen=True, slots=True)
class BulkRow:
    """One row of the input.

    Attributes:
        line: Line number from 1, of a row of several lines its first; in files without lines the row number from 1.
        id: The row's own, or `FILE:LINE` where it has none.
        text: What is sent; empty when there is a problem.
        problem: Why the row cannot be sent; None when it can.
    """

    line: int
    id: str
    text: str
    problem: str | None = None


def read_rows(path: Path, options: ReadOptions, skip: int = 0, notes: Notes | None = None) -> Iterator[BulkRow]:
    """Reads a file row by row. A row that cannot be sent comes with its problem.

    Args:
        path: The file.
        options: Its column names and the like.
        skip: Rows at the beginning to leave out.
        notes: Where is counted what was done to rows and cells, those left out included; None counts nothing.

    Raises:
        BulkError: The file can't be read at all.
    """
    try:
        with closing(_rows(path, options, notes)) as rows:
            yield from islice(rows, skip, None)
    except FileError as error:
        raise BulkError(str(error)) from error


def _rows(path: Path, options: ReadOptions, notes: Notes | None) -> Generator[BulkRow, None, None]:
    for row, item in read_products(path, options, text_only=True, notes=notes):
        if isinstance(item, Product):
            yield BulkRow(row.line, item.id, item.raw_text)
        elif isinstance(item, Reject):
            yield BulkRow(row.line, item.id or "", "", item.detail)
