r"""WooCommerce's product export: products, and a row of the type `variation` for each variant of a variable one.

Categories are paths `A > B` between commas, tags words between commas; a comma within a name is written `\,`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from product_tagger_files.shops.columns import Columns, cell, folded, in_words, key
from product_tagger_files.shops.several import main_path

_SIGNS = {"regular price", "is featured?", "visibility in catalog", "attribute 1 name", "attribute 1 value(s)"}
_NAME = re.compile(r"attribute (\d+) name")
_COMMA = re.compile(r"(?<!\\),")
_NO_CATEGORY = {"uncategorized", "uncategorised"}


class WooCommerce:
    """Makes products of all rows but the variations of a product that stands before them."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Finds the columns."""
        known = Columns(columns)
        self._id, self._sku = known.find("id"), known.find("sku")
        self._type, self._parent = known.find("type"), known.find("parent")
        self._name = known.find("name")
        self._short, self._description = known.find("short description"), known.find("description")
        self._categories, self._tags = known.find("categories"), known.find("tags")
        self._brands = known.find("brands", "brand")
        numbers = sorted(int(match[1]) for name, _ in known.items() if (match := _NAME.fullmatch(name)))
        self._attributes = [(known.find(f"attribute {n} name"), known.find(f"attribute {n} value(s)")) for n in numbers]
        self._seen: set[int] = set()
        self.sources: Mapping[str, str] = {
            "id": in_words(self._id, self._sku),
            "group": in_words(self._parent),
            "title": in_words(self._name),
            "description": " and ".join(filter(None, (self._short, self._description))),
            "category": in_words(self._categories),
            "tags": in_words(self._tags),
            "attributes": "Attribute 1, 2 …",
        }

    @staticmethod
    def is_export(columns: Sequence[str]) -> bool:
        """Whether a header is WooCommerce's."""
        known = folded(columns)
        return {"name", "type"} <= known and not known.isdisjoint({"id", "sku"}) and not known.isdisjoint(_SIGNS)

    def read(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Reads a product; a variation of one that came before continues it."""
        number, sku, parent = cell(row, self._id), cell(row, self._sku), cell(row, self._parent)
        if "variation" in key(cell(row, self._type) or "") and parent is not None and hash(key(parent)) in self._seen:
            return None
        if number is not None:
            self._seen.add(hash(f"id:{key(number)}"))
        if sku is not None:
            self._seen.add(hash(key(sku)))
        texts = (cell(row, self._short), cell(row, self._description))
        attributes: dict[str, Any] = {"brand": cell(row, self._brands)}
        for name, values in self._attributes:
            if (title := cell(row, name)) is not None and (value := cell(row, values)) is not None:
                attributes[str(title)] = ", ".join(_names(value))
        paths = [path for path in _names(cell(row, self._categories)) if path.casefold() not in _NO_CATEGORY]
        return {
            "id": sku if number is None else number,
            "group": parent,
            "title": cell(row, self._name),
            "description": "\n".join(str(text).replace("\\n", "\n") for text in texts if text is not None),
            "category": main_path([[level.strip() for level in path.split(">")] for path in paths]),
            "tags": _names(cell(row, self._tags)),
            "attributes": attributes,
        }

    def join(self, cells: dict[str, Any], row: Mapping[str, Any]) -> None:
        """Nothing: a variable product lists the values of its variations itself."""


def _names(value: Any) -> list[str]:
    r"""Names between commas; `\,` is a comma within one."""
    if value is None:
        return []
    return [name for part in _COMMA.split(str(value)) if (name := part.replace("\\,", ",").strip())]
