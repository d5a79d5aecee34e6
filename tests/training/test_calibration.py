"""Calibration: over-confident logits are brought back, and the head answers what was fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from catalog.heads import CATEGORY, TAG, Layout
from catalog.reliability import expected_calibration_error
from training.calibration import Calibration, fit_calibration
from training.inference import probabilities_of

LAYOUT = Layout({CATEGORY: ("a", "b", "c"), TAG: ("x", "y")})


def overconfident(count: int = 4000) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Logits three times too large, with labels drawn from what they should have said."""
    random = np.random.default_rng(0)
    honest = random.normal(0, 1.5, size=(count, 5)).astype(np.float32)
    probabilities = probabilities_of(honest, LAYOUT)
    drawn = [random.choice(3, p=row[:3] / row[:3].sum()) for row in probabilities.astype(np.float64)]
    category = np.array(drawn, dtype=np.int64)
    tags = random.random((count, 2)) < probabilities[:, 3:]
    return honest * 3, category, tags


def test_overconfident_logits_are_divided_by_what_they_are_too_large() -> None:
    logits, category, tags = overconfident()
    calibration = fit_calibration(logits, LAYOUT, category, tags)
    assert calibration.category_factor == pytest.approx(1 / 3, rel=0.1)
    assert calibration.tag_factor == pytest.approx(1 / 3, rel=0.1)
    probabilities = probabilities_of(calibration.apply(logits, LAYOUT), LAYOUT)
    right = probabilities[:, :3].argmax(axis=1) == category
    before = expected_calibration_error(probabilities_of(logits, LAYOUT)[:, :3].max(axis=1), right)
    assert expected_calibration_error(probabilities[:, :3].max(axis=1), right) < 0.03 < before


def test_the_head_answers_the_calibrated_logits_by_itself() -> None:
    torch.manual_seed(0)
    head, vectors = nn.Linear(8, 5), torch.randn(10, 8)
    calibration = Calibration(0.5, 2.0, -1.0)
    expected = calibration.apply(head(vectors).detach().numpy(), LAYOUT)
    calibration.fold_into(head, LAYOUT)
    assert np.allclose(head(vectors).detach().numpy(), expected, atol=1e-6)


def test_without_a_held_out_product_the_calibration_is_the_usual_one() -> None:
    logits, category, tags = overconfident(0)
    usual = fit_calibration(logits, LAYOUT, category, tags, logits)
    assert 0 < usual.category_factor < 1 and 0 < usual.tag_factor < 1
    assert usual.ngram_category_factor > 0 and usual.ngram_tag_factor > 0 and usual.tag_offset == 0


@pytest.mark.parametrize("count", [5, 20, 80])
def test_few_held_out_products_do_no_harm(count: int) -> None:
    """Whatever few products are drawn, what is fitted on them is better for others than what was trained."""
    logits, category, tags = overconfident()
    right = np.arange(len(category))

    def loss(calibration: Calibration) -> float:
        probabilities = probabilities_of(calibration.apply(logits, LAYOUT), LAYOUT)
        return -float(np.log(probabilities[right, category]).mean())

    for start in range(0, 10 * count, count):
        few = slice(start, start + count)
        assert loss(fit_calibration(logits[few], LAYOUT, category[few], tags[few])) < loss(Calibration())


def test_the_more_products_there_are_the_nearer_is_the_fit_to_what_they_say() -> None:
    logits, category, tags = overconfident()
    off = [
        abs(np.log(3 * fit_calibration(logits[:count], LAYOUT, category[:count], tags[:count]).category_factor))
        for count in (0, 4000)
    ]
    assert off[1] < 0.1 < off[0]


def test_an_n_gram_table_that_knows_another_half_is_given_its_share() -> None:
    """The truth is the sum of two parts: the encoder says one twice as loud, the table the other half as loud."""
    random = np.random.default_rng(1)
    encoder, table = random.normal(0, 1.5, size=(2, 4000, 5)).astype(np.float32)
    truth = probabilities_of(encoder + table, LAYOUT).astype(np.float64)
    category = np.array([random.choice(3, p=row[:3] / row[:3].sum()) for row in truth])
    tags = random.random((4000, 2)) < truth[:, 3:]

    calibration = fit_calibration(encoder * 2, LAYOUT, category, tags, table / 2)

    assert calibration.category_factor == pytest.approx(0.5, rel=0.1)
    assert calibration.tag_factor == pytest.approx(0.5, rel=0.1)
    assert calibration.ngram_category_factor == pytest.approx(2, rel=0.1)
    assert calibration.ngram_tag_factor == pytest.approx(2, rel=0.1)
    answered = probabilities_of(calibration.apply(encoder * 2, LAYOUT, table / 2), LAYOUT)
    assert np.abs(answered - truth).mean() < 0.02


def test_an_n_gram_table_that_knows_nothing_is_given_none() -> None:
    logits, category, tags = overconfident()
    noise = np.random.default_rng(2).normal(size=logits.shape).astype(np.float32)
    calibration = fit_calibration(logits, LAYOUT, category, tags, noise)
    assert calibration.ngram_category_factor < 0.1 and calibration.ngram_tag_factor < 0.1


def test_answers_without_an_error_do_not_lead_to_endless_confidence() -> None:
    category = np.tile([0, 1], 200)
    logits = np.eye(2, dtype=np.float32)[category]
    layout = Layout({CATEGORY: ("a", "b"), TAG: ()})
    calibration = fit_calibration(logits, layout, category, np.zeros((400, 0), dtype=bool))
    assert 1 < calibration.category_factor <= 4
