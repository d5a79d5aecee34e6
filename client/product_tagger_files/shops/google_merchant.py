"""A product feed for Google Merchant Center: a row an item, and items of one product share an `item_group_id`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from product_tagger_files.shops.columns import Columns, cell, first_cell, folded, in_words

_CATEGORIES = ("product type", "google product category")
_SIGNS = {
    "image link", "link", "availability", "condition", "gtin", "mpn", "item group id", "price", "brand",
    "google product category",
}  # fmt: skip
_LEAST_SIGNS = 3
_ATTRIBUTES = ("brand", "color", "size", "material", "pattern", "gender", "age group", "size type", "size system")


class GoogleMerchant:
    """Makes a product of each item."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Finds the columns."""
        known = Columns(columns)
        self._fields = {
            "id": known.find("id"),
            "group": known.find("item group id"),
            "title": known.find("title"),
            "description": known.find("description"),
            "lang": known.find("content language", "language"),
        }
        # The shop's own tree first: Google's says less, and may be but a number.
        self._categories = [known.find(name) for name in _CATEGORIES]
        self._attributes = [(name, known.find(name)) for name in _ATTRIBUTES]
        self.sources: Mapping[str, str] = {
            **{field: in_words(column) for field, column in self._fields.items() if column is not None},
            "category": in_words(*self._categories),
            "attributes": ", ".join(column for _, column in self._attributes if column is not None),
        }

    @staticmethod
    def is_export(columns: Sequence[str]) -> bool:
        """Whether a header is that of a feed; a file with a column `category` is a shop's own."""
        known = folded(columns)
        return (
            {"id", "title"} <= known
            and not known.isdisjoint(_CATEGORIES)
            and len(known & _SIGNS) >= _LEAST_SIGNS
            and "category" not in known
        )

    def read(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Reads an item."""
        return {
            **{field: cell(row, column) for field, column in self._fields.items()},
            "category": first_cell(row, self._categories),
            "attributes": {name: cell(row, column) for name, column in self._attributes},
        }

    def join(self, cells: dict[str, Any], row: Mapping[str, Any]) -> None:
        """Nothing: no item continues another."""
