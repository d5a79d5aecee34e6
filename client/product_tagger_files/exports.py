"""A file as the rows of products, whether its columns are the product record's or those of a shop's system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from product_tagger_files.errors import FileError
from product_tagger_files.rows import Row
from product_tagger_files.shops import SHOPS, Shop, recognise

ExportFormat = Literal["auto", "plain", "shopify", "woocommerce", "google-merchant", "magento"]
"""Whose columns a file has: `plain` are the product record's; `auto` recognises the others by the header."""
EXPORT_FORMATS: tuple[str, ...] = get_args(ExportFormat)


@dataclass(frozen=True, slots=True)
class Continuation:
    """Rows that continue the product before them: variants, pictures, store views.

    Attributes:
        rows: How many.
    """

    rows: int


Cells = Mapping[str, Any]


def open_shop(path: Path, format: str, columns: tuple[str, ...] | None) -> tuple[str, Shop] | None:
    """Returns the shop's system that wrote a file, by name; None for the product record's own columns.

    Args:
        path: The file, for errors.
        format: One of EXPORT_FORMATS.
        columns: The file's columns; None where each row names its own.

    Raises:
        FileError: A system is named, and the file can't be its export.
    """
    if format not in EXPORT_FORMATS:
        raise FileError(f"{format!r} is no format: it is one of {', '.join(EXPORT_FORMATS)}")
    if format == "plain" or (format == "auto" and columns is None):
        return None
    if columns is None:
        raise FileError(f"{path} has no header, so it is no {format} export: the format has to be auto or plain")
    name = recognise(columns) if format == "auto" else format
    if name is None:
        return None
    shop = SHOPS[name](columns)
    if not shop.sources["title"]:
        raise FileError(
            f"{path} is no {name} export: it has no column with a title; its columns are {', '.join(columns)}"
        )
    return name, shop


def shop_cells(
    rows: Iterable[Row], shop: Shop, columns: Mapping[str, str]
) -> Iterator[tuple[Row, Cells | Continuation]]:
    """Reads the rows of an export.

    Args:
        rows: All rows of the file.
        shop: Whose export it is.
        columns: Product field → column, where the shop's own is not wanted.

    Yields:
        A row with the cells of its product, by field; or the lines behind it that continue a product. Rows without
        values pass with no cells.
    """
    held = _Held(shop)
    for row in rows:
        cells = None if row.values is None else shop.read(row.values)
        if row.values is not None and cells is None:
            held.extend(row)
            continue
        yield from held.release()
        if cells is None or row.values is None:
            yield row, {}
        else:
            held.product = row, {**cells, **{field: row.values.get(name) for field, name in columns.items()}}
    yield from held.release()


class _Held:
    """A product whose continuations are still being read, and these."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._first: Row | None = None
        self._rows = self._lines = 0
        self.product: tuple[Row, dict[str, Any]] | None = None

    def extend(self, row: Row) -> None:
        if self.product is not None and row.values is not None:
            self._shop.join(self.product[1], row.values)
        self._first = self._first or row
        self._rows += 1
        self._lines += row.lines

    def release(self) -> Iterator[tuple[Row, Cells | Continuation]]:
        if self.product is not None:
            yield self.product
        if self._first is not None:
            yield Row(self._first.line, None, self._lines), Continuation(self._rows)
        self.product = self._first = None
        self._rows = self._lines = 0
