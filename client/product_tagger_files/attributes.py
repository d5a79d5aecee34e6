"""The attributes of a product: names and values, in whatever notation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from product_tagger_files.errors import RowError
from product_tagger_files.lists import NotAList, looks_like_list, parse
from product_tagger_files.missing import is_missing_label, is_missing_value
from product_tagger_files.notes import Note, Notes, shown
from product_tagger_files.scalars import clean, is_nothing, to_text

_SEPARATOR = re.compile(r"[;|\n；]")
_MARK = re.compile(r"[:=：]")
_MAX_DEPTH = 3


def read_attributes(value: Any, notes: Notes) -> dict[str, str]:
    """Reads a product's attributes.

    Args:
        value: A mapping, a list of (name, value) or of structs with `name` and `value`, or a text: JSON, Python's
            notation, or `key: value; key: value`.
        notes: Where values that mean "none" are counted.

    Returns:
        Name → value, in the row's order. A mapping within gives `outer.inner`; a list its items between commas.

    Raises:
        RowError: The value is nothing of these.
    """
    if value is None or value == "":
        return {}
    if isinstance(value, bytes):
        value = to_text(value, "attributes", notes)
    if is_nothing(value) or (isinstance(value, str) and is_missing_label(value.strip())):
        if not isinstance(value, str) or value.strip():
            notes.add(Note.MISSING, "attributes", value)
        return {}
    try:
        pairs = list(_flat(_entries(value)))
    except NotAList:
        detail = f"attributes is {shown(value)}, not an object of keys and values"
        raise RowError("attributes are not pairs", detail) from None
    found: dict[str, str] = {}
    for name, item in pairs:
        text = _value(item, name, notes)
        if text:
            found[name] = text
    return found


def _entries(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, str):
        text = value.strip()
        value = parse(text) if looks_like_list(text) else dict(_pairs(text))
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, (list, tuple)):
        return [_entry(item) for item in value]
    raise NotAList


def _entry(item: Any) -> tuple[Any, Any]:
    """One of a list: (name, value) as Parquet has maps, or a struct such as {name: size, value: M}."""
    if isinstance(item, (list, tuple)) and len(item) == 2:
        return item[0], item[1]
    if isinstance(item, Mapping):
        lower = {str(key).casefold(): part for key, part in item.items()}
        name = next((lower[key] for key in ("name", "key", "attribute", "label") if key in lower), None)
        worth = next((lower[key] for key in ("value", "values", "val", "option") if key in lower), None)
        if name is not None:
            return name, worth
    raise NotAList


def _flat(entries: Iterable[tuple[Any, Any]], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for key, item in entries:
        name = prefix + str(key).strip()
        if isinstance(item, Mapping):
            if depth == _MAX_DEPTH:
                raise NotAList
            yield from _flat(item.items(), f"{name}.", depth + 1)
        elif name:
            yield name, item


def _value(item: Any, name: str, notes: Notes) -> str:
    if isinstance(item, (list, tuple)):
        return ", ".join(filter(None, (_value(part, name, notes) for part in item)))
    if isinstance(item, (bool, Mapping)):
        return str(item)
    try:
        text = to_text(item, "attributes", notes).strip()
    except RowError:
        text = clean(shown(item), "attributes", notes)
    if text and is_missing_value(text):
        notes.add(Note.MISSING, "attributes", text)
        return ""
    return text


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(str.strip, _SEPARATOR.split(text)):
        mark = _MARK.search(part)
        if mark is None:
            detail = f"attributes has {shown(part.strip())}: write `key: value; key: value`"
            raise RowError("attributes are not pairs", detail)
        yield part[: mark.start()].strip(), part[mark.end() :].strip()
