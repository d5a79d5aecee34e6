"""Thresholds: each tag's own where the validation part can tell, the common one elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from training.thresholds import DEFAULT_THRESHOLD, best_common_threshold, choose_thresholds


def test_a_tag_gets_the_threshold_that_separates_its_products() -> None:
    tags = np.array([[1, 0]] * 6 + [[0, 1]] * 6, dtype=bool)
    probabilities = np.where(tags, [0.3, 0.9], [0.1, 0.7]).astype(np.float32)
    thresholds = choose_thresholds(probabilities, tags)
    assert thresholds.dtype == np.float32
    assert thresholds.tolist() == pytest.approx([0.2, 0.8])
    assert ((probabilities >= thresholds) == tags).all()


def test_a_tag_of_few_products_takes_the_common_threshold() -> None:
    tags = np.zeros((20, 2), dtype=bool)
    tags[:10, 0] = True
    tags[0, 1] = True
    probabilities = np.where(tags, 0.6, 0.2).astype(np.float32)
    probabilities[0, 1] = 0.05
    own, common = choose_thresholds(probabilities, tags)
    assert own == pytest.approx(0.4)
    assert common == pytest.approx(best_common_threshold(probabilities, tags))


def test_without_a_tagged_product_every_threshold_is_the_default() -> None:
    assert choose_thresholds(np.zeros((0, 3), np.float32), np.zeros((0, 3), bool)).tolist() == [DEFAULT_THRESHOLD] * 3
    assert choose_thresholds(np.zeros((5, 0), np.float32), np.zeros((5, 0), bool)).tolist() == []
