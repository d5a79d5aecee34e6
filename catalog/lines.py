"""Accounts for every line of a catalogue's files: it is in a product, in a reject, or holds no row."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from product_tagger_files import Continuation, Product, Reject, Row


@dataclass
class LineCounts:
    """Lines of the files by what became of them; in files without lines, rows.

    Attributes:
        products: Lines of products, with those that continue one.
        continuations: Those of them that continue one: the further lines of a quoted cell, and the rows of variants.
        rejected: Lines of rejected rows.
        other: Lines that hold no row: headers and empty lines.
    """

    products: int = 0
    continuations: int = 0
    rejected: int = 0
    other: int = 0
    _is_rejected: bool = False

    def add(self, row: Row, item: Product | Reject | Continuation | None) -> None:
        """Counts the lines of one row; a Reject may stand for a product that can't be used."""
        if item is None:
            self.other += row.lines
            return
        if not isinstance(item, Continuation):
            self._is_rejected = isinstance(item, Reject)
        if self._is_rejected:
            self.rejected += row.lines
        else:
            self.products += row.lines
            self.continuations += row.lines - isinstance(item, Product)

    @property
    def total(self) -> int:
        """All lines."""
        return self.products + self.rejected + self.other

    @property
    def reject_share(self) -> float:
        """Rejected lines, as a share of those that hold a row."""
        return self.rejected / max(1, self.products + self.rejected)

    def to_json(self) -> dict[str, int]:
        """The counts by name."""
        return {name: count for name, count in asdict(self).items() if not name.startswith("_")}

    def sentence(self) -> str:
        """The counts in words."""
        continuing = f" ({self.continuations:,} of them continue one)" if self.continuations else ""
        return (
            f"{self.total:,} lines: {self.products:,} of products{continuing}, {self.rejected:,} rejected, "
            f"{self.other:,} without a row (headers, empty lines)."
        )
