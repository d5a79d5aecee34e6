"""A file's rows, as the tests ask for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from product_tagger_files import Product, ReadOptions, Reject, read_products


@dataclass
class Reading:
    """What a file gave, and how many of its lines lie in what."""

    products: list[Product] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    product_lines: int = 0
    reject_lines: int = 0
    other_lines: int = 0

    @property
    def titles(self) -> list[str]:
        return [product.title for product in self.products]

    @property
    def reasons(self) -> list[str]:
        return [reject.reason for reject in self.rejects]

    @property
    def lines(self) -> int:
        return self.product_lines + self.reject_lines + self.other_lines


def read(path: Path, options: ReadOptions | None = None, *, text_only: bool = False) -> Reading:
    """Reads a file, and makes sure that its rows follow each other without a gap."""
    reading = Reading()
    following = 1
    for row, item in read_products(path, options, text_only=text_only):
        assert row.line == following
        following += row.lines
        if isinstance(item, Product):
            reading.products.append(item)
            reading.product_lines += row.lines
        elif isinstance(item, Reject):
            reading.rejects.append(item)
            reading.reject_lines += row.lines
        else:
            reading.other_lines += row.lines
    return reading
