"""Splits: twins stay together, shares are met, and the seed alone decides."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from catalog.splits import TEST, TRAIN, VALIDATION, assign_parts, crossing_rows, near_duplicate_groups, signatures

SHIRT = "Northwind Men's Slim Fit Oxford Cotton Shirt with Chest Pocket, Long Sleeve, {} {}"
DRESS = "法式复古碎花连衣裙女夏季新款收腰显瘦气质中长裙子 {}"


def groups_of(*titles: str) -> list[int]:
    return [int(group) for group in near_duplicate_groups(signatures(titles))]


def test_titles_that_differ_in_colour_and_size_are_one_group() -> None:
    assert groups_of(SHIRT.format("Blue", "XL"), "Oak shelf 80 cm", SHIRT.format("Red", "M")) == [0, 1, 0]


def test_chinese_titles_that_differ_in_colour_are_one_group() -> None:
    assert groups_of(DRESS.format("红色"), "不锈钢保温杯大容量", DRESS.format("白色")) == [0, 1, 0]


def test_case_width_and_punctuation_make_no_difference() -> None:
    same = ("Oak Shelf, 80cm", "OAK SHELF 80CM", "ｏａｋ　ｓｈｅｌｆ - ８０ｃｍ!")
    assert groups_of(*same) == [0, 0, 0]
    assert (signatures(same) == signatures(same)[0]).all()


def test_short_and_empty_titles_are_grouped_only_with_their_equals() -> None:
    assert groups_of("", "ab", "手机", "ab", "", "ac") == [0, 1, 2, 1, 0, 5]


def test_different_products_of_one_brand_stay_apart() -> None:
    assert groups_of("Northwind oak shelf 80 cm", "Northwind steel bottle 500 ml", "Northwind shampoo") == [0, 1, 2]


def test_groups_join_through_a_common_twin() -> None:
    words = [f"word{number}" for number in range(40)]
    titles = [" ".join(words[start : start + 30]) for start in range(0, 10, 2)]
    assert set(groups_of(*titles)) == {0}


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
