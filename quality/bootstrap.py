"""How far figures would vary with other test products: the bootstrap (Efron, 1979), for many resamples at once.

A resample draws as many products as there are, with replacement. How often it drew each is a row of weights; counts
under all weights are one product of matrices. The same seed draws the same weights for the same number of products, so
that the figures of two systems can be compared resample by resample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags

from quality.outcomes import Outcomes

Samples = npt.NDArray[np.float64]
"""A figure in each resample, [R]."""
Weights = npt.NDArray[np.float64]

RESAMPLES = 1000
SEED = 13
CONFIDENCE = 0.95
AT_ONCE = 2_000_000
"""So many weights are in memory at once."""

ACCURACY, MACRO_F1 = "category_accuracy", "category_macro_f1"
TAG_MICRO_F1, TAG_MACRO_F1 = "tag_micro_f1", "tag_macro_f1"


def samples(outcomes: Outcomes, resamples: int = RESAMPLES, seed: int = SEED) -> dict[str, Samples]:
    """Return each figure in every resample.

    Args:
        outcomes: what a system said of N test products, at least one.
        resamples: R.
        seed: of the draws.

    Returns:
        `category_accuracy`, `category_macro_f1`, and where products carry tags `tag_micro_f1` and `tag_macro_f1`.
    """
    measured = [figures(outcomes, weights) for weights in draws(len(outcomes), resamples, seed)]
    return {name: np.concatenate([part[name] for part in measured]) for name in measured[0]}


def draws(products: int, resamples: int, seed: int) -> Iterator[Weights]:
    """Yield how often each of N products is drawn, [some, N], until there are R rows."""
    random = np.random.default_rng(seed)
    some = max(1, AT_ONCE // products)
    for start in range(0, resamples, some):
        rows = min(some, resamples - start)
        drawn = random.integers(products, size=(rows, products)) + products * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * products).reshape(rows, products).astype(np.float64)


def figures(outcomes: Outcomes, weights: Weights) -> dict[str, Samples]:
    """Return the figures under weights, [R] each; with weights of one they are those of metrics.json.

    Args:
        outcomes: of N products.
        weights: how often each counts, [R, N].
    """
    rows, width = np.arange(len(outcomes)), outcomes.categories
    flags = np.ones(len(outcomes))
    answered = csr_matrix((flags, (rows, outcomes.answered)), shape=(len(rows), width))
    category = csr_matrix((flags, (rows, outcomes.category)), shape=(len(rows), width))
    right = outcomes.right.astype(np.float64)
    hits = _counts(weights, diags(right) @ category)
    occurring = _counts(weights, answered) + _counts(weights, category)
    result = {
        ACCURACY: weights @ right / weights.sum(axis=1),
        MACRO_F1: _mean_f1(hits, occurring, occurring > 0),
    }
    if outcomes.tags.nnz:
        carried = _counts(weights, outcomes.tags)
        either = carried + _counts(weights, outcomes.given)
        both = _counts(weights, outcomes.tags.multiply(outcomes.given))
        result[TAG_MICRO_F1] = 2 * both.sum(axis=1) / np.maximum(1, either.sum(axis=1))
        result[TAG_MACRO_F1] = _mean_f1(both, either, carried > 0)
    return result


def interval(values: Samples) -> tuple[float, float]:
    """Return the bounds between which `CONFIDENCE` of the resamples lie."""
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, (outside, 1 - outside))
    return float(low), float(high)


def _counts(weights: Weights, flags: Any) -> Samples:
    """How often each label is set under weights, [R, K], of sparse flags [N, K]."""
    counts: Samples = np.asarray((flags.T.astype(np.float64) @ weights.T).T)
    return counts


def _mean_f1(both: Samples, either: Samples, counted: npt.NDArray[np.bool_]) -> Samples:
    """The mean F1, [R], of the labels that count: `both` true and given, and the sum of true and given, [R, K]."""
    scores = np.where(counted, 2 * both / np.maximum(either, 1), 0.0)
    mean: Samples = scores.sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return mean


NAMES: Mapping[str, str] = {
    ACCURACY: "accuracy",
    MACRO_F1: "macro-F1",
    TAG_MICRO_F1: "tag micro-F1",
    TAG_MACRO_F1: "tag macro-F1",
}
"""Figures with intervals, and what a person calls them."""
