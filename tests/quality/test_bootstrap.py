"""The bootstrap's figures and intervals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from catalog.heads import CATEGORY
from catalog.prepared import Example
from catalog.taxonomy import Label, Taxonomy
from quality.bootstrap import ACCURACY, MACRO_F1, draws, figures, interval, samples
from quality.outcomes import Outcomes
from quality.systems.interface import answers_from
from training.evaluation import summarize

CATEGORIES, TAGS = 7, 4


def made_up(count: int, right: float, seed: int = 1) -> Outcomes:
    """Outcomes of which about the share `right` is right; some categories and tags never occur."""
    draw = np.random.default_rng(seed)
    category = draw.integers(CATEGORIES - 1, size=count)
    answered = np.where(draw.random(count) < right, category, draw.integers(CATEGORIES, size=count))
    tags = draw.random((count, TAGS)) < (0.5, 0.1, 0.3, 0.0)
    given = tags ^ (draw.random((count, TAGS)) < 0.2)
    confidence = draw.random(count).astype(np.float32)
    return Outcomes("", category, answered, confidence, csr_matrix(tags), csr_matrix(given), CATEGORIES)


def test_with_every_product_once_the_figures_are_those_of_the_training_report() -> None:
    taxonomy = Taxonomy(tuple(Label(f"c{n}") for n in range(CATEGORIES)), tuple(Label(f"t{n}") for n in range(TAGS)))
    draw = np.random.default_rng(3)
    examples = [
        Example(f"p{n}", "en", "x", f"c{draw.integers(CATEGORIES - 1)}",
                tuple(f"t{tag}" for tag in range(TAGS - 1) if draw.random() < 0.4))
        for n in range(200)
    ]  # fmt: skip
    probabilities = draw.random((200, CATEGORIES + TAGS)).astype(np.float32)
    assert taxonomy.layout.columns(CATEGORY) == slice(0, CATEGORIES)
    answers = answers_from(probabilities, np.full(TAGS, 0.5, np.float32), examples, taxonomy)
    expected = summarize(answers)
    outcomes = Outcomes.of(answers, examples, CATEGORIES)
    for kept in (outcomes, Outcomes.from_json(json.loads(json.dumps(outcomes.to_json())))):
        found = figures(kept, np.ones((1, 200)))
        assert {name: pytest.approx(values[0]) for name, values in found.items()} == {n: expected[n] for n in found}
        assert len(found) == 4


def test_a_resample_is_as_large_as_the_test_part_and_the_same_seed_draws_the_same() -> None:
    first, second = (np.concatenate(list(draws(300, 50, seed=5))) for _ in range(2))
    assert first.shape == (50, 300) and (first.sum(axis=1) == 300).all()
    assert (first == second).all()
    assert not (first == np.concatenate(list(draws(300, 50, seed=6)))).all()


def test_the_interval_of_the_accuracy_is_as_wide_as_theory_has_it() -> None:
    outcomes = made_up(800, right=0.8)
    accuracy = float(outcomes.right.mean())
    low, high = interval(samples(outcomes)[ACCURACY])
    half = 1.96 * (accuracy * (1 - accuracy) / 800) ** 0.5
    assert low == pytest.approx(accuracy - half, abs=half / 5) and high == pytest.approx(accuracy + half, abs=half / 5)


def test_two_systems_with_the_same_answers_differ_in_no_resample() -> None:
    one, same, other = (samples(made_up(120, right=share, seed=2)) for share in (0.9, 0.9, 0.5))
    for name in (ACCURACY, MACRO_F1):
        assert interval(one[name] - same[name]) == (0.0, 0.0)
        assert interval(one[name] - other[name])[0] > 0.1


def test_one_test_product_is_enough() -> None:
    assert interval(samples(made_up(1, right=1.0))[ACCURACY]) == (1.0, 1.0)
