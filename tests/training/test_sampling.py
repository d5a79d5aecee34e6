"""A bounded number of rows stands for any number."""

from __future__ import annotations

from training.sampling import choosing_products, sample, spread


def test_few_rows_are_all_taken_in_their_order() -> None:
    assert sample(iter("abc"), 3) == list(spread("abc", 3, 3)) == ["a", "b", "c"]
    assert sample([], 3) == list(spread([], 0, 3)) == []


def test_of_many_rows_the_same_ones_are_drawn_from_all_over() -> None:
    drawn = sample(range(10_000), 1000)
    assert drawn == sample(iter(range(10_000)), 1000) == sorted(set(drawn))
    assert len(drawn) == 1000 and abs(sum(drawn) / 1000 - 5000) < 300


def test_rows_at_equal_distances_are_exactly_so_many() -> None:
    assert list(spread(range(10), 10, 4)) == [2, 4, 7, 9]
    assert len(list(spread(range(10_007), 10_007, 1000))) == 1000


def test_more_labels_leave_fewer_products_to_choose_by() -> None:
    assert choosing_products(66) > 100_000 > choosing_products(3000) > choosing_products(100_000) == 1000
