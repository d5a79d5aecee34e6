"""Turns the cells of one row into a Product, whatever notation the format forced on them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from product_tagger_files.errors import RowError
from product_tagger_files.record import Product

FIELDS = (
    "id", "group", "lang", "title", "description", "attributes", "category", "tags", "views", "clicks", "purchases",
)  # fmt: skip

_TAG_SEPARATOR = re.compile(r"[,;|，；、]")
_PAIR_SEPARATOR = re.compile(r"[;|\n；]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def product_from_row(row: Mapping[str, Any], *, default_id: str, require_category: bool) -> Product:
    """Reads one row.

    Args:
        row: Product field → cell, as JSON, CSV or Parquet gave it; a missing cell is None.
        default_id: The id of a row without one.
        require_category: Whether a row without a category is an error.

    Returns:
        The product, uncleaned.

    Raises:
        RowError: Neither title nor description, no category where one is required, or a cell of the wrong kind.
    """
    title = _text(row, "title")
    description = _text(row, "description")
    if not title.strip() and not description.strip():
        raise RowError("no text", "neither title nor description has any text")
    category = _label(_text(row, "category"), "category")
    if require_category and not category:
        raise RowError("no category", "the category is empty")
    return Product(
        id=_label(_text(row, "id"), "id") or default_id,
        group=_label(_text(row, "group"), "group") or None,
        lang=normalize_language(_text(row, "lang")),
        title=title,
        description=description,
        attributes=_attributes(row.get("attributes")),
        category=category or None,
        tags=_tags(row.get("tags")),
        views=_count(row, "views"),
        clicks=_count(row, "clicks"),
        purchases=_count(row, "purchases"),
    )


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "" if isinstance(value, float) and math.isnan(value) else str(value)
    raise RowError(f"{field} is not a text", f"{field} is {_shown(value)}, not a text")


def _label(value: str, field: str) -> str:
    if _SURROGATE.search(value):
        raise RowError("undecodable bytes", f"{field} has half a character in it ({value!a})")
    return value.strip()


def _tags(value: Any) -> tuple[str, ...]:
    """A list as JSON and Parquet have it, or a text: a JSON list, or words between , ; | or their Chinese forms."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = _json(value, "tags") if value.lstrip().startswith("[") else _TAG_SEPARATOR.split(value)
    if not isinstance(value, (list, tuple)) or not all(isinstance(tag, (str, int)) for tag in value if tag is not None):
        raise RowError("tags are not a list", f"tags is {_shown(value)}, not a list of words")
    tags = (_label(str(tag), "tags") for tag in value if tag is not None)
    return tuple(dict.fromkeys(tag for tag in tags if tag))


def _attributes(value: Any) -> dict[str, str]:
    """A mapping, a list of (key, value) as Parquet has maps, or a text: a JSON object, or `key: value; key: value`."""
    if value is None:
        return {}
    if isinstance(value, str):
        value = _json(value, "attributes") if value.lstrip().startswith("{") else _pairs(value)
    if not isinstance(value, Mapping):
        raise RowError("attributes are not pairs", f"attributes is {_shown(value)}, not an object of keys and values")
    found: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, (list, tuple)):
            item = ", ".join(str(part) for part in item if part is not None)
        if isinstance(item, Mapping):
            raise RowError("attributes are not pairs", f"attributes.{key} is {_shown(item)}, not a value")
        if item is not None and str(key).strip():
            found[str(key).strip()] = str(item)
    return found


def _pairs(value: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(str.strip, _PAIR_SEPARATOR.split(value)):
        key, found, item = re.split(r"([:=：])", part, maxsplit=1) if re.search(r"[:=：]", part) else (part, "", "")
        if not found:
            detail = f"attributes has {part.strip()!r}: write `key: value; key: value`"
            raise RowError("attributes are not pairs", detail)
        pairs[key] = item.strip()
    return pairs


def _count(row: Mapping[str, Any], field: str) -> float | None:
    value = row.get(field)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value.replace(",", "") if isinstance(value, str) else value)
    except (TypeError, ValueError):
        raise RowError(f"{field} is not a count", f"{field} is {_shown(value)}, not a number") from None
    if math.isnan(number):
        return None
    if number < 0 or math.isinf(number):
        raise RowError(f"{field} is not a count", f"{field} is {number:g}; a count is 0 or more")
    return number


def _json(value: str, field: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        raise RowError(f"{field} is broken JSON", f"{field} is not JSON: {error}") from None


def normalize_language(code: str | None) -> str | None:
    """Reduces a language code to its first part: `zh-CN` → `zh`, `EN_us` → `en`; None for an empty one."""
    short = re.split(r"[-_\s]", code.strip().lower(), maxsplit=1)[0] if code else ""
    return short or None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
