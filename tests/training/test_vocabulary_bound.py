"""The baseline's memory has a bound: rare words go first, and what doesn't fit at all is refused beforehand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from training import vocabulary_bound
from training.vocabulary_bound import TooLargeError, bounded_features


def words(text: str) -> Iterator[str]:
    yield from text.split()


TEXTS = [f"tea {'green' if number % 2 else 'black'} brand{number}" for number in range(40)]


def test_all_words_are_kept_where_they_fit() -> None:
    kept = bounded_features(TEXTS, words, columns=3)
    assert list(kept("tea green brand7")) == ["tea", "green", "brand7"]


def test_words_of_one_product_go_first_where_memory_is_short() -> None:
    kept = bounded_features(TEXTS, words, columns=1000, largest_mib=0.1)
    assert kept.min_products == 2
    assert list(kept("tea green brand7 tea unseen")) == ["tea", "green", "tea"]


def test_what_does_not_fit_even_so_is_refused_in_a_sentence_with_its_size() -> None:
    with pytest.raises(TooLargeError, match=r"3 words and pairs of words for 1,000,000 labels would take \d+ MiB"):
        bounded_features(TEXTS, words, columns=1_000_000, largest_mib=1.0)


def test_what_would_take_hours_to_learn_from_is_refused_before_it_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary_bound, "LARGEST_WORK", 1000)
    assert bounded_features(TEXTS, words, columns=8).min_products == 1
    with pytest.raises(
        TooLargeError, match=r"120 words of products or more for 24 labels would take 2.9 times as long"
    ):
        bounded_features(TEXTS, words, columns=24)
    with pytest.raises(TooLargeError, match=r"40 words of products or more for 30 labels"):
        bounded_features(TEXTS, words, columns=30)
