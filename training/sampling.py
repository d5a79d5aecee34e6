"""A bounded number of rows out of any number: what more rows would not tell better."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
SEED = 13

CHOOSING_CELLS = 2**25
"""Validation products times labels by which a model is chosen, calibrated, and given its thresholds.

Their probabilities are held in memory, several times over. With 100 labels these are 335,000 products, with 3,000 still
11,000, by which five numbers of calibration are known well enough.
"""
FEWEST = 1000
"""However many labels there are."""


def choosing_products(labels: int) -> int:
    """Return by how many validation products a model with so many labels is chosen and calibrated, at most."""
    return max(FEWEST, CHOOSING_CELLS // max(1, labels))


def sample(items: Iterable[Item], most: int) -> list[Item]:
    """Draw at most so many items at random, the same ones every time, in their order.

    Args:
        items: any number of them; they are gone through once, and only those drawn are kept.
        most: how many. Where there are no more, all are taken.
    """
    draw = random.Random(SEED)
    kept: list[tuple[int, Item]] = []
    for number, item in enumerate(items):
        if number < most:
            kept.append((number, item))
        elif (place := draw.randrange(number + 1)) < most:
            kept[place] = number, item
    return [item for _, item in sorted(kept, key=lambda one: one[0])]


def spread(items: Iterable[Item], there: int, most: int) -> Iterator[Item]:
    """Yield at most so many items at equal distances; nothing is kept.

    Args:
        items: they are gone through once.
        there: how many they are.
        most: how many are wanted. Where there are no more, all are taken.
    """
    for number, item in enumerate(items):
        if there <= most or (number + 1) * most // there > number * most // there:
            yield item
