"""The figures, on answers small enough to count by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import f1_score

from catalog.heads import DecisionRule
from catalog.reliability import expected_calibration_error
from catalog.taxonomy import Label, Taxonomy
from training.answers import Answers, decide
from training.data import Labels
from training.evaluation import (
    LabelCounts,
    by_language,
    category_macro_f1,
    category_table,
    confusion,
    coverage_at,
    precision_coverage,
    summarize,
    tag_table,
    top_confusions,
)
from training.packed_flags import PackedFlags

TAXONOMY = Taxonomy((Label("food"), Label("home")), (Label("tea", categories=("food",)), Label("wood")))


def answers() -> Answers:
    category = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]], dtype=np.float32)
    tags = np.array([[0.8, 0.1], [0.2, 0.6], [0.9, 0.9], [0.4, 0.1]], dtype=np.float32)
    rule = DecisionRule.of(TAXONOMY.data, {"tea": 0.5, "wood": 0.5})
    labels = Labels(
        category=np.array([0, 0, 1, 1]),
        tags=csr_matrix(np.array([[1, 0], [0, 0], [0, 1], [1, 0]], dtype=bool)),
        weight=np.ones(4, dtype=np.float32),
        tags_known=np.ones(4, dtype=np.bool_),
        languages=np.array(["en", "zh", "en", "en"]),
    )
    # In any order and in batches of any size, as a model computes them.
    scores = np.hstack([category, tags])
    batches = ((np.array(rows), scores[rows]) for rows in ([3, 0], [1], [2]))
    return decide(batches, rule, labels)


def test_a_tag_is_given_over_its_threshold_and_beside_a_category_it_goes_with() -> None:
    assert answers().tags_given.unpacked().tolist() == [[True, False], [False, True], [False, True], [False, False]]


def test_the_summary_counts_what_is_right() -> None:
    figures = summarize(answers())
    assert figures["products"] == 4
    assert figures["category_accuracy"] == figures["category_micro_f1"] == pytest.approx(3 / 4)
    assert figures["category_macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert figures["tag_micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert figures["tag_macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_without_tags_the_summary_has_no_figures_of_tags() -> None:
    nothing = csr_matrix((4, 0), dtype=np.bool_)
    bare = replace(answers(), tags_given=PackedFlags.empty(4, 0), tags=nothing)
    assert not [key for key in summarize(bare) if key.startswith("tag")]
    assert tag_table(bare, Taxonomy(TAXONOMY.categories), np.zeros(0, np.float32)) == []


def test_figures_by_language_are_those_of_its_products() -> None:
    languages = by_language(answers())
    assert {name: figures["products"] for name, figures in languages.items()} == {"en": 3, "zh": 1}
    assert languages["zh"]["category_accuracy"] == 1.0
    assert languages["en"]["category_accuracy"] == pytest.approx(2 / 3)


def test_rare_languages_are_told_together_and_never_more_than_nine_rows() -> None:
    def told(languages: list[str]) -> dict[str, float]:
        many = answers().of(np.zeros(len(languages), dtype=np.int64))
        by = by_language(replace(many, languages=np.array(languages)))
        return {name: figures["products"] for name, figures in by.items()}

    assert told(["en"] * 297 + ["hu", "fi", "zh"]) == {"en": 297, "other": 3}
    ten = [f"{first}{second}" for first in "abcde" for second in "xy"]
    assert told(ten * 10) == {**dict.fromkeys(ten[:8], 10), "other": 20}


def test_the_tables_have_a_row_for_each_label() -> None:
    food, home = category_table(answers(), TAXONOMY)
    assert (food["precision"], food["recall"], food["products"]) == (pytest.approx(2 / 3), 1.0, 2)
    assert (home["precision"], home["recall"], home["products"]) == (1.0, 0.5, 2)
    tea, wood = tag_table(answers(), TAXONOMY, np.array([0.5, 0.25], dtype=np.float32))
    assert (tea["precision"], tea["recall"], tea["threshold"]) == (1.0, 0.5, 0.5)
    assert (wood["precision"], wood["recall"], wood["threshold"]) == (0.5, 1.0, 0.25)
    matrix = confusion(answers(), TAXONOMY)
    assert matrix is not None and matrix.tolist() == [[2, 0], [1, 1]]
    assert top_confusions(answers(), TAXONOMY) == [{"category": "home", "answered": "food", "products": 1}]


def test_f1_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(3)
    true, given = random.random((200, 7)) < 0.2, random.random((200, 7)) < 0.3
    counts = LabelCounts.of_flags(true, given)
    assert counts.f1_scores() == pytest.approx(f1_score(true, given, average=None))
    assert counts.micro_f1() == pytest.approx(f1_score(true, given, average="micro"))
    category, answered = random.integers(0, 5, 200), random.integers(0, 5, 200)
    assert category_macro_f1(category, answered) == pytest.approx(f1_score(category, answered, average="macro"))


def test_coverage_grows_from_the_surest_product_on() -> None:
    confidence = np.array([0.5, 0.9, 0.7, 0.9], dtype=np.float32)
    cut, coverage, precision = precision_coverage(confidence, np.array([False, True, True, True]))
    assert cut.tolist() == pytest.approx([0.9, 0.7, 0.5])
    assert coverage.tolist() == [0.5, 0.75, 1.0]
    assert precision.tolist() == [1.0, 1.0, 0.75]


def test_the_confidence_cut_is_chosen_on_validation_and_tried_on_the_test_part() -> None:
    validation = np.array([0.9, 0.8, 0.4], dtype=np.float32), np.array([True, True, False])
    test = np.array([0.95, 0.85, 0.6, 0.5], dtype=np.float32), np.array([True, False, True, False])
    row = coverage_at(0.95, validation, test)
    assert row["confidence"] == pytest.approx(0.8)
    assert (row["coverage"], row["precision_reached"]) == (0.5, 0.5)


def test_a_precision_that_no_cut_reaches_has_no_coverage() -> None:
    wrong = np.array([0.9, 0.8], dtype=np.float32), np.array([False, False])
    assert coverage_at(0.95, None, wrong)["coverage"] is None


def test_a_model_that_is_right_as_often_as_it_says_has_no_calibration_error() -> None:
    confidence = np.full(10, 0.7, dtype=np.float32)
    right = np.array([True] * 7 + [False] * 3)
    assert expected_calibration_error(confidence, right) == pytest.approx(0.0, abs=1e-6)
    assert expected_calibration_error(confidence, ~right) == pytest.approx(0.4, abs=1e-6)


def test_packed_flags_count_as_the_plain_ones_do() -> None:
    random = np.random.default_rng(5)
    flags, others = random.random((3000, 19)) < 0.6, random.random((3000, 19)) < 0.1
    packed = PackedFlags.empty(3000, 19)
    for rows in np.array_split(random.permutation(3000), 7):
        packed.put(rows, flags[rows])
    assert (packed.unpacked() == flags).all() and packed.packed.nbytes == 3 * 3000
    assert packed.counts().tolist() == flags.sum(axis=0).tolist()
    assert packed.counts_among(csr_matrix(others)).tolist() == (flags & others).sum(axis=0).tolist()
    assert (packed.select(others[:, 0]).unpacked() == flags[others[:, 0]]).all()
