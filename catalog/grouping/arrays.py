"""Sets of 64-bit numbers as sorted arrays, and random numbers that stand for words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_rows(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """[N]: the number of the first row with the same key."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rows: NDArray[np.int64] = first[inverse].astype(np.int64)
    return rows


def run_starts(*ordered: NDArray[Any]) -> NDArray[np.int64]:
    """[R]: where each run of equal values starts in a sorted array, or of equal tuples in several."""
    new = np.zeros(len(ordered[0]), dtype=bool)
    new[:1] = True
    for values in ordered:
        new[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(new)


def contains(wanted: NDArray[np.uint64], values: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """[V]: whether each value is one of the sorted `wanted`. A bit table answers most without a search."""
    if not len(wanted) or not len(values):
        return np.zeros(len(values), dtype=bool)
    bits = np.uint64(max(16, min(26, len(wanted).bit_length() + 4)))
    mask = (np.uint64(1) << bits) - np.uint64(1)
    table = np.zeros(int(mask) + 1, dtype=bool)
    table[wanted & mask] = True
    maybe = np.flatnonzero(table[values & mask])
    result = np.zeros(len(values), dtype=bool)
    positions = np.minimum(np.searchsorted(wanted, values[maybe]), len(wanted) - 1)
    result[maybe] = wanted[positions] == values[maybe]
    return result


def sums(numbers: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """[N]: the sum of each title's numbers."""
    with np.errstate(over="ignore"):
        totals = np.concatenate((np.zeros(1, dtype=np.uint64), np.cumsum(numbers, dtype=np.uint64)))
        found: NDArray[np.uint64] = totals[starts[1:]] - totals[starts[:-1]]
    return found


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Random 64-bit numbers, the same for the same values (splitmix64)."""
    with np.errstate(over="ignore"):
        value = values + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))
