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
from training.calibration import MIN_PRODUCTS, MIN_TAGS, Calibration, fit_calibration
from training.inference import probabilities_of

LAYOUT = Layout({CATEGORY: ("a", "b", "c"), TAG: ("x", "y")})


def overconfident(count: int = 4000) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Logits three times too large, with labels drawn from what they should have said."""
    random = np.random.default_rng(0)
    honest = random.normal(0, 1.5, size=(count, 5)).astype(np.float32)
    probabilities = probabilities_of(honest, LAYOUT)
    category = np.array([random.choice(3, p=row[:3] / row[:3].sum()) for row in probabilities.astype(np.float64)])
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


def test_few_validation_products_leave_the_categories_as_trained_and_calibrate_the_tags_that_they_carry() -> None:
    logits, category, tags = overconfident(MIN_PRODUCTS - 1)
    calibration = fit_calibration(logits, LAYOUT, category, tags, logits)
    assert (calibration.category_factor, calibration.ngram_category_factor) == (1.0, 0.0)
    calibrated = calibration.apply(logits, LAYOUT, logits)[:, 3:]
    assert np.abs(calibrated).mean() == pytest.approx(np.abs(logits[:, 3:]).mean() / 3, rel=0.3)


def test_few_tags_leave_the_tags_as_trained() -> None:
    logits, category, tags = overconfident()
    few = tags & (np.cumsum(tags).reshape(tags.shape) < MIN_TAGS)
    assert few.sum() == MIN_TAGS - 1
    calibration = fit_calibration(logits, LAYOUT, category, few, logits)
    assert (calibration.tag_factor, calibration.tag_offset, calibration.ngram_tag_factor) == (1.0, 0.0, 0.0)
    assert calibration.category_factor == pytest.approx(1 / 3, rel=0.1)


def test_few_products_with_few_tags_change_nothing() -> None:
    logits, category, tags = overconfident(20)
    calibration = fit_calibration(logits, LAYOUT, category, tags, logits)
    assert calibration == Calibration() and not calibration.uses_ngrams


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
    assert calibration.category_factor == pytest.approx(4.0, rel=0.01)
