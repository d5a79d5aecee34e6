"""Exports of shops' systems, read by the names that these give their columns.

A `Shop` is made for one file. It makes product cells of a row, or says that the row continues an earlier product:
variants and further pictures.

    columns.py          finds columns whatever their case
    shopify.py, woocommerce.py, google_merchant.py, magento.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from product_tagger_files.shops.google_merchant import GoogleMerchant
from product_tagger_files.shops.magento import Magento
from product_tagger_files.shops.shopify import Shopify
from product_tagger_files.shops.woocommerce import WooCommerce


class Shop(Protocol):
    """One export's own way of writing products."""

    @property
    def sources(self) -> Mapping[str, str]:
        """Product field → the columns it comes from, in words; empty where the file has none for it."""

    def read(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns the cells of a product, by product field; None for a row that continues an earlier product."""

    def join(self, cells: dict[str, Any], row: Mapping[str, Any]) -> None:
        """Adds to a product's cells what the continuation right behind it says."""


@runtime_checkable
class LooksAhead(Protocol):
    """A shop whose later rows say something of earlier ones."""

    def look_ahead(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Takes all rows of the file, before the first is read as a product."""


SHOPS: Mapping[str, Callable[[Sequence[str]], Shop]] = {
    "shopify": Shopify,
    "woocommerce": WooCommerce,
    "google-merchant": GoogleMerchant,
    "magento": Magento,
}
"""Name → the class, which takes the file's columns."""

_SIGNS = (
    ("shopify", Shopify.is_export),
    ("woocommerce", WooCommerce.is_export),
    ("magento", Magento.is_export),
    ("google-merchant", GoogleMerchant.is_export),
)


def recognise(columns: Sequence[str]) -> str | None:
    """Returns which shop's system wrote a file with such columns; None where none of the known ones did."""
    return next((name for name, is_export in _SIGNS if is_export(columns)), None)
