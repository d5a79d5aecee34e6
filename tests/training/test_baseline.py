"""The linear baseline: its features, its predictions, and the catalogues that have little to learn from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from catalog.prepared import Example
from catalog.taxonomy import Label, Taxonomy, TaxonomyError
from training.baseline import LinearBaseline, features
from training.thresholds import best_threshold

WORDS: Mapping[str, tuple[str, ...]] = {
    "apparel": ("cotton dress", "denim jeans", "连衣裙", "羽绒服"),
    "food": ("green tea", "oat biscuits", "龙井茶", "全麦面包"),
    "home": ("table lamp", "cotton sheet", "台灯", "四件套"),
}


def label(name: str) -> Label:
    return Label(id=name, names={"en": name}, synonyms=(), categories=())


def taxonomy(categories: tuple[str, ...] = tuple(WORDS), tags: tuple[str, ...] = ("cotton", "drink")) -> Taxonomy:
    return Taxonomy(categories=tuple(map(label, categories)), tags=tuple(map(label, tags)))


def examples(count: int, start: int = 0) -> list[Example]:
    """Products whose number makes every text different."""
    products = []
    for number in range(start, start + count):
        category = list(WORDS)[number % len(WORDS)]
        words = WORDS[category][number // len(WORDS) % 4]
        tags = tuple(tag for tag, sign in (("cotton", "cotton"), ("drink", "tea"), ("drink", "茶")) if sign in words)
        text = f"brand{number} {words} model {number % 7}"
        products.append(Example(id=f"p{number}", lang="en", text=text, category=category, tags=tags, weight=1.0))
    return products


def test_english_is_read_in_words_and_pairs_and_chinese_in_character_runs() -> None:
    assert list(features("Car Holder 支架 2 GPS")) == ["car", "holder", "car holder", "支", "架", "支架", "gps"]


def test_the_baseline_learns_categories_and_tags_in_both_languages() -> None:
    baseline = LinearBaseline().fit(examples(240), taxonomy(), validation=examples(120, start=240))
    texts = ["new green tea", "cotton dress", "新款羽绒服", "龙井茶 250g"]

    probabilities = baseline.category_probabilities(texts)

    assert probabilities.dtype == np.float32 and probabilities.shape == (4, 3)
    assert np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert [list(WORDS)[column] for column in probabilities.argmax(axis=1)] == ["food", "apparel", "apparel", "food"]
    assert (baseline.tag_probabilities(texts) >= baseline.thresholds).tolist() == [
        [False, True],
        [True, False],
        [False, False],
        [False, True],
    ]
    assert baseline.thresholds.shape == (2,)


def test_the_baseline_is_the_same_in_every_run() -> None:
    texts = [example.text for example in examples(50, start=900)]
    first, second = (LinearBaseline().fit(examples(200), taxonomy()) for _ in range(2))

    assert np.array_equal(first.category_probabilities(texts), second.category_probabilities(texts))
    assert np.array_equal(first.tag_probabilities(texts), second.tag_probabilities(texts))


def test_without_a_validation_split_the_thresholds_stay_at_one_half() -> None:
    baseline = LinearBaseline().fit(examples(200), taxonomy())

    assert baseline.thresholds.tolist() == [0.5, 0.5]
    assert (baseline.tag_probabilities(["cotton dress"]) >= baseline.thresholds).tolist() == [[True, False]]


def test_a_catalogue_with_one_category_is_answered_with_certainty() -> None:
    products = [Example(f"p{n}", "en", f"tea {n}x", "food", (), 1.0) for n in range(30)]
    baseline = LinearBaseline().fit(products, taxonomy(categories=("food",), tags=()))

    assert baseline.category_probabilities(["a car holder"]).tolist() == [[1.0]]
    assert baseline.tag_probabilities(["a car holder"]).shape == (1, 0)


def test_a_tag_that_no_or_every_product_carries_gets_a_constant_answer() -> None:
    products = [Example(f"p{n}", "en", f"tea {n}x", "food", ("always",), 1.0) for n in range(40)]
    baseline = LinearBaseline().fit(products, taxonomy(("food",), ("never", "always")), validation=products[:10])

    assert (baseline.tag_probabilities(["tea", "a car holder"]) >= baseline.thresholds).tolist() == [
        [False, True],
        [False, True],
    ]


def test_a_category_of_one_product_and_one_without_products_do_no_harm() -> None:
    lonely = Example("lonely", "en", "chess board", "toys", (), 1.0)
    baseline = LinearBaseline().fit([*examples(100), lonely], taxonomy(categories=(*WORDS, "toys", "books")))

    probabilities = baseline.category_probabilities(["green tea", "12 !"])

    assert probabilities.shape == (2, 5)
    assert np.isfinite(probabilities).all()


def test_three_products_are_enough_to_fit() -> None:
    baseline = LinearBaseline().fit(examples(3), taxonomy())

    assert baseline.category_probabilities(["cotton dress"]).argmax() == 0


@pytest.mark.parametrize(
    ("products", "message"),
    [
        ([], "has no example"),
        ([Example("p1", "en", "! 1", "food", (), 1.0)], "holds a word"),
        ([Example("p1", "en", "tea", "drinks", (), 1.0)], "'p1' has the category 'drinks'"),
    ],
)
def test_what_it_cannot_learn_from_is_refused_with_a_sentence(products: list[Example], message: str) -> None:
    with pytest.raises((ValueError, TaxonomyError), match=message):
        LinearBaseline().fit(products, taxonomy())


def test_it_says_when_it_is_not_fitted() -> None:
    with pytest.raises(RuntimeError, match=r"call fit\(\) first"):
        LinearBaseline().category_probabilities(["tea"])


def test_the_best_threshold_lies_between_the_two_products_it_separates() -> None:
    probabilities = np.array([0.9, 0.2, 0.6, 0.3], dtype=np.float32)

    assert best_threshold(probabilities, np.array([True, False, True, False])) == pytest.approx(0.45)
    assert best_threshold(np.full(4, 0.7, dtype=np.float32), np.array([True, False, False, False])) < 0.7
