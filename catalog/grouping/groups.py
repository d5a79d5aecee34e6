"""Which products share a part of the splits: by the group that the catalogue names, by text, and by title."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from catalog.grouping.arrays import first_rows
from catalog.grouping.reading import TitleReader
from catalog.grouping.titles import title_groups

LARGE_SHARE = 1 / 3
LARGE_PRODUCTS = 5
"""A group that holds such a share of a category, and so many products, is told."""


class ProductKeys:
    """Takes products one by one and keeps the numbers that they are grouped by, some 80 bytes each."""

    def __init__(self) -> None:
        """Starts without any product."""
        self._titles = TitleReader()
        self._texts, self._given = array("Q"), array("Q")

    def add(self, title: str, text: str, group: str | None) -> None:
        """Takes one more product: its cleaned title and text, and the group that the catalogue names."""
        self._titles.add(title or text)
        self._texts.append(_hash(" ".join(text.casefold().split())))
        self._given.append(_hash(group) | 1 if group else 0)

    @property
    def texts(self) -> NDArray[np.uint64]:
        """[N] a number for each product's text; the same for texts that differ in case and spaces only."""
        return np.array(self._texts, dtype=np.uint64)

    @property
    def given(self) -> NDArray[np.uint64]:
        """[N] a number for the group that the catalogue names; 0 where it names none."""
        return np.array(self._given, dtype=np.uint64)

    def groups(self) -> NDArray[np.int64]:
        """[N] int64: the lowest row number of each row's group."""
        return product_groups(title_groups(self._titles.titles()), self.texts, self.given)


def product_groups(
    titles: NDArray[np.int64], texts: NDArray[np.uint64], given: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Joins rows that must share a part.

    - Rows of one given group, whatever their titles.
    - Rows with the same text, whatever their groups: a model that has seen the text has seen the product.
    - Rows with the titles of one product, unless both have a group: the shop has said that these are two products.

    Args:
        titles: [N] groups by title.
        texts: [N] a number for each text.
        given: [N] a number for the given group; 0: none.

    Returns:
        [N] int64: the lowest row number of each row's group.
    """
    count = len(titles)
    if not count:
        return np.zeros(0, dtype=np.int64)
    named = given != 0
    edges = [(np.arange(count), first_rows(texts))]
    rows = np.flatnonzero(named)
    edges.append((rows, rows[first_rows(given[rows])]))
    # The others of a title join its first row with a group, so that two given groups don't meet through them.
    meeting = titles.copy()
    meeting[titles[rows[::-1]]] = rows[::-1]
    others = np.flatnonzero(~named)
    edges.append((others, meeting[titles[others]]))
    left, right = (np.concatenate(side) for side in zip(*edges, strict=True))
    links = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    return first_rows(labels.astype(np.uint64))


@dataclass(frozen=True)
class LargeGroup:
    """A group that holds much of a category.

    Attributes:
        first: The number of its first row.
        category: The category's number.
        products: How many products of the category are in the group.
        of: How many products the category has.
    """

    first: int
    category: int
    products: int
    of: int


def large_groups(groups: NDArray[np.int64], categories: NDArray[np.int64]) -> list[LargeGroup]:
    """Finds groups of several products that hold LARGE_SHARE of a category, the largest first.

    Args:
        groups: [N] the lowest row number of each row's group.
        categories: [N] category numbers.
    """
    totals = np.bincount(categories)
    pairs, counts = np.unique(np.stack((groups, categories), axis=1), axis=0, return_counts=True)
    chosen = np.flatnonzero((counts >= LARGE_PRODUCTS) & (counts >= LARGE_SHARE * totals[pairs[:, 1]]))
    found = [
        LargeGroup(int(pairs[pair, 0]), int(pairs[pair, 1]), int(counts[pair]), int(totals[pairs[pair, 1]]))
        for pair in chosen
    ]
    return sorted(found, key=lambda group: (-group.products, group.first))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
