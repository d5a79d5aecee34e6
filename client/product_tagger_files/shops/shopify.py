"""Shopify's product export: a row a variant or picture, and only the first of a handle tells of the product.

Both headers are known: `Handle, Title, Body (HTML), Vendor, Product Category, Type, Tags, …, Option1 Name` and the one
of 2024, `Title, URL handle, Description, Vendor, Product category, …, Option1 name`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from product_tagger_files.shops.columns import Columns, cell, first_cell, folded, in_words, key

_OPTIONS = (1, 2, 3)
_MOST_VALUES = 50
_SIGNS = {
    "body (html)", "option1 name", "option1 value", "variant sku", "variant price", "published on online store",
    "product image url", "image src",
}  # fmt: skip
# What Shopify itself asks for by category: `Color (product.metafields.shopify.color-pattern)`.
_METAFIELD = re.compile(r"(.+?) \(product\.metafields\.shopify\.[\w-]+\)", re.IGNORECASE)


class Shopify:
    """Makes products of the rows that share a handle."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Finds the columns."""
        known = Columns(columns)
        self._handle = known.find("handle", "url handle")
        self._title = known.find("title")
        self._body = known.find("body (html)", "description", "body html")
        self._vendor = known.find("vendor")
        self._category = known.find("product category", "standard product type", "standardized product type")
        self._type = known.find("type", "custom product type")
        self._tags = known.find("tags")
        self._options = [(known.find(f"option{n} name"), known.find(f"option{n} value")) for n in _OPTIONS]
        self._metafields = [(match[1], name) for name in columns if (match := _METAFIELD.fullmatch(name.strip()))]
        self._seen: set[int] = set()
        self._names: list[str | None] = [None] * len(_OPTIONS)
        self.sources: Mapping[str, str] = {
            "id": in_words(self._handle),
            "group": in_words(self._handle),
            "title": in_words(self._title),
            "description": in_words(self._body),
            "category": in_words(self._category, self._type),
            "tags": in_words(self._tags),
            "attributes": "Vendor and the options",
        }

    @staticmethod
    def is_export(columns: Sequence[str]) -> bool:
        """Whether a header is Shopify's."""
        known = folded(columns)
        return "title" in known and not known.isdisjoint({"handle", "url handle"}) and not known.isdisjoint(_SIGNS)

    def read(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Reads the first row of a handle; the others continue it."""
        handle = cell(row, self._handle)
        if handle is not None and hash(key(handle)) in self._seen:
            return None
        title, body = cell(row, self._title), cell(row, self._body)
        if handle is not None and (title is not None or body is not None):
            self._seen.add(hash(key(handle)))
        attributes: dict[str, Any] = {"vendor": cell(row, self._vendor)}
        for name, column in self._metafields:
            if (value := cell(row, column)) is not None:
                attributes[name] = str(value).replace("; ", ", ")
        self._names = [cell(row, name) for name, _ in self._options]
        cells = {
            "id": handle,
            "group": handle,
            "title": title,
            "description": body,
            "category": first_cell(row, (self._category, self._type)),
            "tags": cell(row, self._tags),
            "attributes": attributes,
        }
        self.join(cells, row)
        return cells

    def join(self, cells: dict[str, Any], row: Mapping[str, Any]) -> None:
        """Adds a variant's options to the values its product has."""
        for name, (_, column) in zip(self._names, self._options, strict=True):
            value = cell(row, column)
            if name is None or value is None or str(value).strip() == "Default Title":
                continue
            values = cells["attributes"].setdefault(str(name), [])
            if isinstance(values, list) and len(values) < _MOST_VALUES and value not in values:
                values.append(value)
