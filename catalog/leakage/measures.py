"""Counts the twins of test products in the training part, and different products in one group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.leakage.catalogues import Variants
from catalog.splits import TEST, TRAIN, assign_parts


@dataclass(frozen=True)
class Leakage:
    """What a grouping leaks.

    Attributes:
        twins: Share of the test products with a variant of the same product in the training part.
        joined: Share of the products that stand in one group with another product.
        tests: Number of test rows.
    """

    twins: float
    joined: float
    tests: int


def leakage_of(catalogue: Variants, group: Callable[[Sequence[str]], NDArray[np.int64]], seed: int = 13) -> Leakage:
    """Groups and deals out a catalogue, and counts what crosses."""
    groups = group(catalogue.titles)
    count = len(groups)
    ids = np.random.default_rng(seed).integers(0, 2**63, count, dtype=np.uint64)
    parts = assign_parts(
        groups,
        np.zeros(count, dtype=np.int64),
        ids,
        np.zeros(count, dtype=np.int8),
        validation_share=0.1,
        test_share=0.1,
        seed=seed,
    )
    tested = catalogue.products[parts == TEST]
    twins = np.isin(tested, catalogue.products[parts == TRAIN])
    pairs = np.unique(np.stack((groups, catalogue.products), axis=1), axis=0)
    shared = np.bincount(pairs[:, 0]) > 1
    joined = np.unique(pairs[shared[pairs[:, 0]], 1])
    return Leakage(
        float(twins.mean()) if len(twins) else 0.0, len(joined) / len(np.unique(catalogue.products)), len(tested)
    )
