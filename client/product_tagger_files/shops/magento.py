r"""Magento 2's product export (Adobe Commerce): a row a SKU, and one more for each store view that says it otherwise.

Categories are paths between commas that begin with the root category: `Default Category/Gear/Bags`; a slash within a
name is written `\/`. A configurable product lists its variants in `configurable_variations`; the rows of these stand
before it, and a shopper sees them only with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from product_tagger_files.shops.columns import Columns, cell, folded, in_words, key
from product_tagger_files.shops.several import main_path

_SIGNS = {
    "attribute set code", "store view code", "additional attributes", "configurable variations", "product websites",
    "categories", "url key",
}  # fmt: skip
_LEAST_SIGNS = 3
_MOST_VALUES = 50
_MOST_ROOTS = 100
_LONGEST_ROOT = 200
_SLASH = re.compile(r"(?<!\\)/")
_BETWEEN_PAIRS = re.compile(r",(?=[A-Za-z]\w*=)")
_HIDDEN = "not visible individually"


class Magento:
    """Makes products of the SKUs that a shopper can see by themselves."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Finds the columns."""
        known = Columns(columns)
        self._sku, self._name = known.find("sku"), known.find("name")
        self._short, self._description = known.find("short description"), known.find("description")
        self._categories = known.find("categories")
        self._additional = known.find("additional attributes")
        self._variations = known.find("configurable variations")
        self._visibility = known.find("visibility")
        self._seen: set[int] = set()
        self._variants: set[int] = set()
        self._roots: set[str] = set()
        self._between_paths = re.compile(r"\|")
        self.sources: Mapping[str, str] = {
            "id": in_words(self._sku),
            "title": in_words(self._name),
            "description": " and ".join(filter(None, (self._short, self._description))),
            "category": in_words(self._categories),
            "attributes": " and ".join(filter(None, (self._additional, self._variations))),
        }

    @staticmethod
    def is_export(columns: Sequence[str]) -> bool:
        """Whether a header is Magento's."""
        known = folded(columns)
        return {"sku", "name", "product type"} <= known and len(known & _SIGNS) >= _LEAST_SIGNS

    def look_ahead(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Notes the variants of configurable products, whose own rows stand before them, and the root categories."""
        for row in rows:
            for variation in _variations(cell(row, self._variations)):
                if sku := variation.get("sku"):
                    self._variants.add(hash(key(sku)))
            if len(self._roots) < _MOST_ROOTS and (paths := cell(row, self._categories)) is not None:
                self._roots.add(_SLASH.split(str(paths), maxsplit=1)[0].strip()[:_LONGEST_ROOT])
        # A comma may stand within a name: it ends a path where a root category follows.
        roots = "|".join(map(re.escape, sorted(self._roots, key=len, reverse=True)))
        self._between_paths = re.compile(rf"\s*[,|]\s*(?=(?:{roots})\s*(?:/|[,|]|$))")

    def read(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Reads a SKU; a hidden variant and a further store view continue a product."""
        sku = cell(row, self._sku)
        if sku is not None:
            name = hash(key(sku))
            if name in self._seen:
                return None
            if name in self._variants and key(cell(row, self._visibility) or "") == _HIDDEN:
                return None
            self._seen.add(name)
        texts = (cell(row, self._short), cell(row, self._description))
        attributes: dict[str, Any] = _pairs(cell(row, self._additional))
        for variation in _variations(cell(row, self._variations)):
            variation.pop("sku", None)
            for option, value in variation.items():
                values = attributes.setdefault(option, [])
                if isinstance(values, list) and value not in values and len(values) < _MOST_VALUES:
                    values.append(value)
        return {
            "id": sku,
            "title": cell(row, self._name),
            "description": "\n".join(str(text) for text in texts if text is not None),
            "category": main_path(self._paths(cell(row, self._categories))),
            "attributes": attributes,
        }

    def join(self, cells: dict[str, Any], row: Mapping[str, Any]) -> None:
        """Nothing: a configurable product lists the values of its variants itself."""

    def _paths(self, value: Any) -> list[list[str]]:
        """The paths of a product without the root category, which is in all of them."""
        paths = [] if value is None else self._between_paths.split(str(value))
        return [[level.replace("\\/", "/").strip() for level in _SLASH.split(path)[1:]] for path in paths]


def _pairs(value: Any) -> dict[str, Any]:
    """`activity=Gym,material=Cotton|Linen` as a mapping."""
    pairs: dict[str, Any] = {}
    for part in _BETWEEN_PAIRS.split(str(value)) if value is not None else ():
        name, mark, item = part.partition("=")
        if mark:
            pairs[name.strip()] = item.strip().strip('"').replace("|", ", ")
    return pairs


def _variations(value: Any) -> list[dict[str, Any]]:
    """`sku=A-S,size=S|sku=A-M,size=M` as mappings."""
    return [] if value is None else [_pairs(part) for part in str(value).split("|")]
