"""Deals groups of products out to train, validation and test.

A shop lists the same shirt in nine colours. Were these dealt out one by one, the test would ask for what training has
seen. So each group (catalog/grouping) goes to one part as a whole.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from catalog.grouping.arrays import run_starts

TRAIN, VALIDATION, TEST = 0, 1, 2


def assign_parts(
    groups: NDArray[np.int64],
    categories: NDArray[np.int64],
    ids: NDArray[np.uint64],
    parts: NDArray[np.int8],
    *,
    validation_share: float,
    test_share: float,
    seed: int,
) -> NDArray[np.int8]:
    """Deals the rows of the training part out to train, validation and test, each group as a whole.

    Groups come in an order drawn from the seed and the ids, not from the file's order. In each category they fill the
    test part first, then the validation part; the rest is trained on, at least one group of each category. A group much
    too large for what its part still needs is passed over. What a category has too few products for is taken from the
    next one: of 200 categories with three products, some 60 products are tested on. A part gets one group at least
    where any category can spare one.

    Args:
        groups: [N] the lowest row number of each row's group.
        categories: [N] category numbers; a group counts to the category of its first row.
        ids: [N] hashes of the product ids.
        parts: [N] TRAIN, VALIDATION or TEST, as the source has them; only rows in TRAIN are dealt out.
        validation_share: Share of the rows in TRAIN; 0 keeps the source's own validation part.
        test_share: Likewise for the test part.
        seed: Another seed draws another order.

    Returns:
        [N] int8: each row's part.
    """
    result = parts.copy()
    rows = np.flatnonzero(parts == TRAIN)
    if not len(rows) or validation_share + test_share <= 0:
        return result
    leaders, members = np.unique(groups[rows], return_inverse=True)
    sizes = np.bincount(members)
    first = np.full(len(leaders), len(groups), dtype=np.int64)
    np.minimum.at(first, members, rows)
    # The lowest hash in a group stands for it, so that its place doesn't depend on the order of the rows.
    draws = np.full(len(leaders), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(draws, members, scrambled(ids[rows], seed))
    by_category = _in_drawn_order(categories[first], draws)
    group_parts = np.zeros(len(leaders), dtype=np.int8)
    # From both ends, so that the same small categories don't give to both parts.
    for part, share, in_turn in ((TEST, test_share, by_category), (VALIDATION, validation_share, by_category[::-1])):
        if share > 0:
            _fill(part, share, in_turn, sizes, group_parts)
    for part, share in ((TEST, test_share), (VALIDATION, validation_share)):
        if share > 0 and not (group_parts == part).any():
            _give_one(part, by_category, sizes, group_parts)
    result[rows] = group_parts[members]
    return result


def _in_drawn_order(categories: NDArray[np.int64], draws: NDArray[np.uint64]) -> list[NDArray[np.int64]]:
    """The groups of each category in the order drawn, and the categories by their first group's draw."""
    order = np.lexsort((draws, categories))
    starts = run_starts(categories[order])
    found = np.split(order, starts[1:])
    return sorted(found, key=lambda of_category: int(draws[of_category[0]]))


def _fill(
    part: int,
    share: float,
    by_category: list[NDArray[np.int64]],
    sizes: NDArray[np.int64],
    group_parts: NDArray[np.int8],
) -> None:
    """Gives a part its share of each category; what one category can't give is owed by the next."""
    owed = 0.5
    for of_category in by_category:
        quota = share * int(sizes[of_category].sum())
        owed += quota
        room = min(math.floor(owed + 1e-9), math.ceil(2 * quota))
        # All but the last: something of each category is left to train on.
        for group in of_category[:-1].tolist():
            if room <= 0:
                break
            # A group may overshoot the part's size, if that comes nearer to it than leaving it out.
            if group_parts[group] == TRAIN and sizes[group] < 2 * room:
                group_parts[group] = part
                room -= int(sizes[group])
                owed -= int(sizes[group])


def _give_one(
    part: int, by_category: list[NDArray[np.int64]], sizes: NDArray[np.int64], group_parts: NDArray[np.int8]
) -> None:
    """Gives a part the smallest group that a category can spare, if any can."""
    spare = [of_category[group_parts[of_category] == TRAIN] for of_category in by_category]
    able = [of_category for of_category in spare if len(of_category) > 1]
    if able:
        groups = np.concatenate(able)
        group_parts[groups[np.argmin(sizes[groups])]] = part


def crossing_rows(groups: NDArray[np.int64], parts: NDArray[np.int8]) -> NDArray[np.int64]:
    """Finds rows whose twins sit in a part that comes before their own: test before validation before train.

    The source's own test part is kept whole, so that results stay comparable; its twins leave the other parts.

    Args:
        groups: [N] the lowest row number of each row's group.
        parts: [N] TRAIN, VALIDATION or TEST.

    Returns:
        The row numbers to leave out, ascending.
    """
    highest = np.full(len(groups), TRAIN, dtype=np.int8)
    np.maximum.at(highest, groups, parts)
    return np.flatnonzero(parts < highest[groups])


def scrambled(ids: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Draws one random 64-bit number per id and seed, the same in every run (splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = ids + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
