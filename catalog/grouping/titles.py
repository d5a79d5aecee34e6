"""Groups products by their titles: variants of one product, and near-duplicates.

1. Titles are read without variant words (reading.py). Those with the same words left, in any order, are one product.
   The sum of the words' random 64-bit numbers stands for it: whatever the order, the sum is the same, and the sum
   without a word is one subtraction.
2. Colours that no list has are learnt from the catalogue (colours.py).
3. Products that are merely counted, `Lamp 1` to `Lamp 40`, are told apart again (counting.py).
4. Long titles that share nearly all words are joined, too (near_duplicates.py).

All of it is numpy on arrays and takes time in proportion to the words, and for sorting them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from catalog.grouping.arrays import first_rows, mixed, sums
from catalog.grouping.colours import Learning
from catalog.grouping.counting import counted_titles
from catalog.grouping.near_duplicates import near_duplicates
from catalog.grouping.reading import BESIDE_COLOUR, NO_INTEGER, TitleReader, Titles

_MAX_ROUNDS = 4


def group_titles(titles: Sequence[str]) -> NDArray[np.int64]:
    """Groups [N] titles; returns the lowest row number of each row's group, [N]."""
    reader = TitleReader()
    for title in titles:
        reader.add(title)
    return title_groups(reader.titles())


def title_groups(titles: Titles) -> NDArray[np.int64]:
    """Groups titles.

    Returns:
        [N] int64: the lowest row number of each row's group.
    """
    if not len(titles):
        return np.zeros(0, dtype=np.int64)
    numbers = mixed((titles.words & ~np.uint32(BESIDE_COLOUR)).astype(np.uint64))
    keys, first, products = np.unique(sums(numbers, titles.starts), return_index=True, return_inverse=True)
    learning = Learning(titles, numbers, first, keys, products)
    for _ in range(_MAX_ROUNDS):
        # All of them, whatever the first has found.
        if not learning.take_bare_colours() + learning.learn_shades() + learning.learn_colours():
            break
    groups = first_rows(learning.keys[products])
    counted = counted_titles(titles, groups)
    near = near_duplicates(titles, numbers, groups, ~np.isin(groups, groups[counted > NO_INTEGER]))
    with np.errstate(over="ignore"):
        return first_rows(mixed(near.astype(np.uint64)) + mixed((counted - NO_INTEGER).astype(np.uint64)))
