"""Splits: groups stay together, shares are met, and the seed alone decides."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog.splits import TEST, TRAIN, VALIDATION, assign_parts, crossing_rows


def catalogue(count: int = 1200) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    draw = np.random.default_rng(3)
    leaders = np.arange(count) - np.arange(count) % 3
    categories = (leaders % 4).astype(np.int64)
    return leaders.astype(np.int64), categories, draw.integers(0, 2**63, count, dtype=np.uint64)


def deal(
    groups: NDArray[np.int64], categories: NDArray[np.int64], ids: NDArray[np.uint64], seed: int = 1, share: float = 0.1
) -> NDArray[np.int8]:
    parts = np.zeros(len(groups), dtype=np.int8)
    return assign_parts(groups, categories, ids, parts, validation_share=share, test_share=share, seed=seed)


def test_no_group_is_torn_and_the_shares_are_met_in_every_category() -> None:
    groups, categories, ids = catalogue()
    parts = deal(groups, categories, ids)
    for group in np.unique(groups):
        assert len(set(parts[groups == group])) == 1
    for category in range(4):
        counts = np.bincount(parts[categories == category], minlength=3)
        assert counts[VALIDATION] == pytest.approx(30, abs=3)
        assert counts[TEST] == pytest.approx(30, abs=3)


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    groups, categories, ids = catalogue()
    assert (deal(groups, categories, ids) == deal(groups, categories, ids)).all()
    assert (deal(groups, categories, ids) != deal(groups, categories, ids, seed=2)).any()


def test_the_order_of_the_rows_makes_no_difference() -> None:
    _, categories, ids = catalogue()
    alone = np.arange(len(ids), dtype=np.int64)
    order = np.random.default_rng(5).permutation(len(ids))
    assert (deal(alone, categories, ids)[order] == deal(alone, categories[order], ids[order])).all()


def test_a_category_of_one_product_stays_in_training() -> None:
    parts = deal(np.arange(3), np.array([0, 1, 2]), np.array([5, 6, 7], dtype=np.uint64))
    assert parts.tolist() == [TRAIN] * 3


def test_a_group_larger_than_a_part_goes_to_training() -> None:
    groups = np.array([0] * 60 + list(range(60, 100)), dtype=np.int64)
    parts = deal(groups, np.zeros(100, dtype=np.int64), np.arange(100, dtype=np.uint64))
    assert set(parts[:60]) == {TRAIN}
    assert np.bincount(parts).tolist() == [80, 10, 10]


def test_categories_of_three_products_are_dealt_out_across_the_catalogue() -> None:
    categories = np.arange(600, dtype=np.int64) // 3
    ids = np.random.default_rng(1).integers(0, 2**63, 600, dtype=np.uint64)
    parts = deal(np.arange(600, dtype=np.int64), categories, ids)
    assert np.bincount(parts).tolist() == [480, 60, 60]
    assert len(np.unique(categories[parts == TRAIN])) == 200
    assert len(np.unique(categories[parts == TEST])) == 60


def test_what_one_category_cannot_give_the_next_ones_do() -> None:
    # One category is a single group of a hundred; the others have ten products each.
    groups = np.array([0] * 100 + list(range(100, 400)), dtype=np.int64)
    categories = np.array([0] * 100 + [1 + number // 10 for number in range(300)], dtype=np.int64)
    parts = deal(groups, categories, np.random.default_rng(2).integers(0, 2**63, 400, dtype=np.uint64))
    assert set(parts[:100]) == {TRAIN}
    assert np.bincount(parts)[[VALIDATION, TEST]] == pytest.approx([40, 40], abs=10)
    assert all((parts[categories == category] == TRAIN).sum() >= 5 for category in range(1, 31))


def test_every_part_gets_a_product_where_three_are_there() -> None:
    parts = deal(np.arange(3), np.zeros(3, dtype=np.int64), np.array([5, 6, 7], dtype=np.uint64))
    assert sorted(parts.tolist()) == [TRAIN, VALIDATION, TEST]


def test_the_sources_own_parts_are_not_dealt_out_again() -> None:
    groups, categories, ids = catalogue(300)
    parts = np.full(300, TRAIN, dtype=np.int8)
    parts[:90] = TEST
    dealt = assign_parts(groups, categories, ids, parts, validation_share=0.1, test_share=0.0, seed=1)
    assert (dealt[:90] == TEST).all()
    assert (dealt[90:] != TEST).all()
    assert (dealt == VALIDATION).sum() == pytest.approx(21, abs=3)


def test_twins_of_test_products_are_found_in_the_other_parts() -> None:
    groups = np.array([0, 0, 0, 3, 3, 5])
    parts = np.array([TRAIN, TEST, VALIDATION, TRAIN, VALIDATION, TRAIN], dtype=np.int8)
    assert crossing_rows(groups, parts).tolist() == [0, 2, 3]
