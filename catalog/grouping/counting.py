"""Tells products that are counted from variants that differ in a number.

`Running shoe 36` to `Running shoe 46` are sizes. `Test lamp no. 1` to `Test lamp no. 40` are forty lamps: their numbers
begin at the beginning, few come again, and there are too many of them for sizes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog.grouping.arrays import run_starts
from catalog.grouping.reading import NO_INTEGER, Titles

LEAST_NUMBERS = 10
"""With fewer numbers, products are taken for variants."""
LEAST_DISTINCT = 0.4
"""Least share of different numbers among the titles: sizes come again in each colour."""
MOST_SPARSE = 50
"""Largest number, in multiples of how many there are: every fiftieth may be of this kind."""


def counted_titles(titles: Titles, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Finds the titles that are counted.

    Args:
        titles: All titles.
        groups: [N] the lowest row number of each row's group, whatever the numbers.

    Returns:
        [N] the number of a title whose group is counted by it; else NO_INTEGER.
    """
    result = np.full(len(titles), NO_INTEGER, dtype=np.int64)
    for integers in titles.integers.T[::-1].astype(np.int64):
        rows = np.flatnonzero(integers != NO_INTEGER)
        if not len(rows):
            continue
        order = rows[np.lexsort((integers[rows], groups[rows]))]
        owners, values = groups[order], integers[order]
        starts = run_starts(owners)
        distinct = np.bincount(np.searchsorted(starts, run_starts(owners, values), side="right") - 1)
        smallest, largest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        counted = (
            (distinct >= LEAST_NUMBERS)
            & (distinct >= LEAST_DISTINCT * np.bincount(groups, minlength=len(groups))[owners[starts]])
            & (smallest <= 1 + 2 * largest // distinct)
            & (largest <= MOST_SPARSE * distinct)
        )
        chosen = order[np.repeat(counted, np.diff(np.append(starts, len(order))))]
        # The last number in a title goes before the first.
        chosen = chosen[result[chosen] == NO_INTEGER]
        result[chosen] = integers[chosen]
    return result
