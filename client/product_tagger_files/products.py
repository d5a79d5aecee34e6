"""Reads a shop's catalogue file as products.

Every row comes out as a Product, or as a Reject with its place and reason. No row is lost in silence, and a bad row
never hides those after it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from product_tagger_files.aliases import suggestion
from product_tagger_files.containers import file_stem
from product_tagger_files.errors import FileError, RowError
from product_tagger_files.exports import Cells, Continuation, ExportFormat, open_shop, shop_cells
from product_tagger_files.fields import FIELDS, product_from_row
from product_tagger_files.notes import Notes, shown
from product_tagger_files.record import Product
from product_tagger_files.rows import Row, Table
from product_tagger_files.shops import LooksAhead, Shop
from product_tagger_files.tables import open_table

logger = logging.getLogger(__name__)

TEXT_FIELDS = ("id", "title", "description", "attributes")
_ROW_PREVIEW = 2000
_CELLS = 100
_MOST_NAMES = 50
_LONGEST_NAME = 60
_LARGEST = 10**300


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a file is to be read, where the file itself does not tell.

    Attributes:
        columns: Product field → the shop's own column name; a field not named keeps its own name.
        format: Whose columns they are, one of `EXPORT_FORMATS`. `columns` goes before it.
        encoding: Of a text file, such as gb18030; None detects it.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    format: ExportFormat = "auto"
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that can't be used.

    Attributes:
        file: The file's name.
        line: Line number from 1; for a row of several lines, its first. In files without lines the row, from 1.
        reason: A short phrase, the same for all rows of one kind: the summary counts by it.
        detail: The sentence for this row.
        row: What was read, as far as it could be, shortened.
        lines: How many lines of the file it covers.
        id: The row's own id, or the one that it would have got; None where no row stands for it.
    """

    file: str
    line: int
    reason: str
    detail: str
    row: Any = None
    lines: int = 1
    id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the line of rejects.jsonl."""
        place = {"file": self.file, "line": self.line, "lines": self.lines}
        return {**place, "reason": self.reason, "detail": self.detail, "row": _preview(self.row)}


def _preview(value: Any, depth: int = 4) -> Any:
    """A row as JSON can have it, shortened."""
    if isinstance(value, bytes):
        value = value[:_ROW_PREVIEW].decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return value[:_ROW_PREVIEW]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < _LARGEST):
        return value
    if depth and isinstance(value, Mapping):
        return {str(key)[:_ROW_PREVIEW]: _preview(item, depth - 1) for key, item in islice(value.items(), _CELLS)}
    if depth and isinstance(value, (list, tuple)):
        return [_preview(item, depth - 1) for item in value[:_CELLS]]
    return shown(value, _ROW_PREVIEW)


def read_products(
    path: Path, options: ReadOptions | None = None, *, text_only: bool = False, notes: Notes | None = None
) -> Iterator[tuple[Row, Product | Reject | Continuation | None]]:
    """Reads a catalogue file.

    Args:
        path: The file; its ending tells the format.
        options: Its column names and the like.
        text_only: Read only what a text is made of, TEXT_FIELDS: what asking for tags needs. Otherwise a row without
            a category, which training can't use, is rejected.
        notes: Where cells are counted that were taken as missing or read by a guess; None counts none.

    Yields:
        A row, of which `line` and `lines` tell the place, and what it is: a Product, a Reject, a Continuation of the
        product before it, or None for lines that hold no row (header, empty lines). In the file's order; every line
        of the file is in one of them.

    Raises:
        FileError: The file is missing, of an unknown format, not what its name says, or lacks a mapped column.
    """
    options = options or ReadOptions()
    notes = Notes() if notes is None else notes
    fields = TEXT_FIELDS if text_only else FIELDS
    stem = file_stem(path)
    with open_table(path, options.encoding) as table:
        if table.encoding is not None and not table.encoding.startswith("utf-8"):
            notes.decoded(path.name, table.encoding)
        found = open_shop(path, options.format, table.columns)
        rows: Iterator[tuple[Row, Cells | Continuation]]
        if found is None:
            rows = _plain_cells(table, path, {name: options.columns.get(name, name) for name in fields})
        else:
            rows = _export_cells(table, path, *found, options, fields, notes)
        for row, cells in rows:
            if isinstance(cells, Continuation):
                notes.continuations += cells.rows
                yield row, cells
            else:
                yield row, _product(row, path, cells, f"{stem}:{row.line}", not text_only, notes)


def _plain_cells(table: Table, path: Path, names: Mapping[str, str]) -> Iterator[tuple[Row, Cells | Continuation]]:
    """The rows of a file whose columns are the product record's, or mapped to it."""
    unknown = _UnknownColumns(path, names)
    if table.columns is not None:
        _require_columns(path, names, table)
        unknown.note(table.columns)
    for row in table.rows(set(names.values())):
        values = row.values or {}
        if table.columns is None:
            unknown.note(values)
        yield row, {field: values.get(name) for field, name in names.items()}


def _export_cells(
    table: Table, path: Path, name: str, shop: Shop, options: ReadOptions, fields: Collection[str], notes: Notes
) -> Iterator[tuple[Row, Cells | Continuation]]:
    """The rows of a shop system's export."""
    columns = {field: column for field, column in options.columns.items() if field in fields}
    _require_mapped(path, columns, table)
    sources = {**shop.sources, **columns}
    if "category" in fields and not sources.get("category"):
        raise FileError(f"{path} has no column with a category, which training needs; {_columns_of(table)}")
    notes.recognised(path.name, name, {field: sources[field] for field in fields if sources.get(field)})
    if isinstance(shop, LooksAhead):
        with open_table(path, options.encoding) as again:
            shop.look_ahead(row.values for row in again.rows(None) if row.values is not None)
    for row, cells in shop_cells(table.rows(None), shop, columns):
        if not isinstance(cells, Continuation):
            cells = {field: cells[field] for field in fields if field in cells}
        yield row, cells


def _product(
    row: Row, path: Path, cells: Cells, default_id: str, require_category: bool, notes: Notes
) -> Product | Reject | None:
    if row.is_empty:
        return None
    try:
        if row.error is not None:
            raise row.error
        return product_from_row(cells, default_id=default_id, require_category=require_category, notes=notes)
    except RowError as error:
        read = row.raw if row.raw is not None else row.values
        name = cells.get("id") if isinstance(cells.get("id"), (str, int)) else ""
        name = str(name).strip().encode("utf-8", "replace").decode()
        return Reject(path.name, row.line, error.reason, error.detail, read, row.lines, name or default_id)


class _UnknownColumns:
    """Names each column that no field is read from once in the log."""

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        self._path = path
        self._known = set(names.values())

    def note(self, columns: Mapping[str, Any] | tuple[str, ...]) -> None:
        if self._known.issuperset(columns):
            return
        new = sorted({str(name) for name in columns if name not in self._known})
        self._known.update(columns)
        if any(new):
            logger.info("%s: ignoring unknown columns: %s", self._path.name, ", ".join(filter(None, new)))


def _require_columns(path: Path, names: Mapping[str, str], table: Table) -> None:
    _require_mapped(path, {name: column for name, column in names.items() if name != column}, table)
    header = table.columns or ()
    for name, column in names.items():
        if header.count(column) > 1:
            raise FileError(f"{path}: the column {column!r}, the {name}, is there twice: rename the other one")
    if names["title"] not in header and names["description"] not in header:
        raise FileError(
            f"{path} has neither a column {names['title']!r} nor {names['description']!r}; {_columns_of(table)}: "
            f"{suggestion(header, names)}"
        )
    if "category" in names and names["category"] not in header:
        raise FileError(
            f"{path} has no column {names['category']!r}, which training needs; {_columns_of(table)}: "
            f"{suggestion(header, names)}"
        )


def _require_mapped(path: Path, columns: Mapping[str, str], table: Table) -> None:
    for name, column in columns.items():
        if column not in (table.columns or ()):
            raise FileError(
                f"{path} has no column {column!r}, which catalog.columns maps to {name!r}; {_columns_of(table)}"
            )


def _columns_of(table: Table) -> str:
    """The columns of a file, which its error tells; the first of very many, none of them at length."""
    header = table.columns or ()
    names = ", ".join(name[:_LONGEST_NAME] for name in header[:_MOST_NAMES]) + (", …" if header[_MOST_NAMES:] else "")
    strange = table.encoding is not None and not table.encoding.startswith("utf-8")
    return f"its columns{f', read as {table.encoding},' if strange else ''} are {names}"
