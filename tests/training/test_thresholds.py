"""Thresholds: each tag's own as far as its products can tell, the common one for the rest."""

from __future__ import annotations

import numpy as np
import pytest

from training.thresholds import COMMON_WEIGHT, DEFAULT_THRESHOLD, best_common_threshold, choose_thresholds


def two_tags(count: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Two tags of `count` products each, which other probabilities tell apart."""
    tags = np.repeat([[True, False], [False, True]], count, axis=0)
    return np.where(tags, [0.3, 0.9], [0.1, 0.7]).astype(np.float32), tags


def test_a_tag_of_many_products_gets_the_threshold_that_separates_them() -> None:
    probabilities, tags = two_tags(5000)
    thresholds = choose_thresholds(probabilities, tags)
    assert thresholds.dtype == np.float32
    assert thresholds.tolist() == pytest.approx([0.2, 0.8], abs=0.02)
    assert ((probabilities >= thresholds) == tags).all()


def test_a_tag_of_few_products_stays_near_the_common_threshold() -> None:
    probabilities, tags = two_tags(10)
    common = best_common_threshold(probabilities, tags)
    expected = [(10 * own + COMMON_WEIGHT * common) / (10 + COMMON_WEIGHT) for own in (0.2, 0.8)]
    assert choose_thresholds(probabilities, tags).tolist() == pytest.approx(expected, abs=1e-6)


def test_a_tag_of_next_to_no_products_takes_the_common_threshold() -> None:
    probabilities, tags = two_tags(4)
    common = best_common_threshold(probabilities, tags)
    assert choose_thresholds(probabilities, tags).tolist() == pytest.approx([common] * 2, abs=1e-6)


def test_what_is_measured_with_a_threshold_is_what_is_served_with_its_digits_in_the_file() -> None:
    random = np.random.default_rng(0)
    thresholds = choose_thresholds(random.random((400, 5)).astype(np.float32), random.random((400, 5)) < 0.3)
    written = [float(f"{threshold:.6f}") for threshold in thresholds]
    assert np.array(written, dtype=np.float32).tolist() == thresholds.tolist()


def test_without_a_tagged_product_every_threshold_is_the_default() -> None:
    assert choose_thresholds(np.zeros((0, 3), np.float32), np.zeros((0, 3), bool)).tolist() == [DEFAULT_THRESHOLD] * 3
    assert choose_thresholds(np.zeros((5, 0), np.float32), np.zeros((5, 0), bool)).tolist() == []
