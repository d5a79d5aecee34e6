"""Turns the cells of one row into a Product, whatever notation the format forced on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from product_tagger_files.attributes import read_attributes
from product_tagger_files.counts import read_count
from product_tagger_files.errors import RowError
from product_tagger_files.languages import normalize_language
from product_tagger_files.missing import is_missing_description, is_missing_label, is_missing_title
from product_tagger_files.notes import Note, Notes
from product_tagger_files.paths import read_category
from product_tagger_files.record import Product
from product_tagger_files.scalars import to_text
from product_tagger_files.tags import read_tags

FIELDS = (
    "id", "group", "lang", "title", "description", "attributes", "category", "tags", "views", "clicks", "purchases",
)  # fmt: skip

_EXCEL = re.compile(r"\d(?:[.,]\d{1,14})?E\+\d{1,3}")


def product_from_row(
    row: Mapping[str, Any], *, default_id: str, require_category: bool, notes: Notes | None = None
) -> Product:
    """Reads one row.

    Args:
        row: Product field → cell, as JSON, CSV or Parquet gave it; a missing cell is None.
        default_id: The id of a row without one.
        require_category: Whether a row without a category is an error.
        notes: Where cells are counted that were taken as missing or read by a guess; None counts none.

    Returns:
        The product, uncleaned.

    Raises:
        RowError: Neither title nor description, no category where one is required, or a cell of the wrong kind.
    """
    notes = Notes() if notes is None else notes
    # All cells are read before a row is refused, so that all of them are counted.
    product = Product(
        id=_id(row, "id", notes) or default_id,
        group=_id(row, "group", notes) or None,
        lang=normalize_language(_text(row, "lang", is_missing_label, notes)),
        title=_text(row, "title", is_missing_title, notes),
        description=_text(row, "description", is_missing_description, notes),
        attributes=read_attributes(row.get("attributes"), notes),
        category=read_category(row.get("category"), notes) or None,
        tags=read_tags(row.get("tags"), notes),
        views=read_count(row.get("views"), "views", notes),
        clicks=read_count(row.get("clicks"), "clicks", notes),
        purchases=read_count(row.get("purchases"), "purchases", notes),
    )
    if not product.title and not product.description:
        raise RowError("no text", "neither title nor description has any text")
    if require_category and product.category is None:
        raise RowError("no category", "the category is empty")
    return product


def _text(row: Mapping[str, Any], field: str, is_missing: Callable[[str], bool], notes: Notes) -> str:
    value = row.get(field)
    if value is None:
        return ""
    text = to_text(value, field, notes)
    stripped = text.strip()
    if stripped and is_missing(stripped):
        notes.add(Note.MISSING, field, stripped)
        return ""
    return text if stripped else ""


def _id(row: Mapping[str, Any], field: str, notes: Notes) -> str:
    """An id. Excel's notation for long numbers is none: many products share it."""
    text = _text(row, field, is_missing_label, notes).strip()
    if "E+" in text and _EXCEL.fullmatch(text):
        notes.add(Note.EXCEL_ID, field, text)
        return ""
    return text
