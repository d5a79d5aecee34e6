"""Makes the probabilities honest: one temperature for the categories, one curve for the tags, folded into the model.

Fine-tuned networks are overconfident. Dividing the logits by one number fitted on held-out products corrects most of it
(Guo et al., "On Calibration of Modern Neural Networks", ICML 2017). The tags' logits get a factor and an
offset (Platt scaling). What the n-gram table (`ngrams`) counts beside the encoder is fitted with them. All is linear
and goes into the linear layer and the table: every engine made of the checkpoint answers calibrated probabilities.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import nn

from catalog.heads import CATEGORY, TAG, Layout

logger = logging.getLogger(__name__)

MIN_PRODUCTS = 200
"""Fewer validation products say too little of the categories: the fit would follow their accidents."""
MIN_TAGS = 50
"""Fewer tags in the whole validation split say too little (docs/experiments/few-validation-products.md)."""
LARGEST_FACTOR = 4.0
"""The encoder's factors stay between its inverse and itself; a validation part without errors would ask for an infinite
one."""
LARGEST_NGRAM_FACTOR = 8.0
"""The n-gram table's stay between 0 and this: a support vector machine's margins are smaller than logits."""
LARGEST_OFFSET = 4.0
_BOUNDS = ((1 / LARGEST_FACTOR, LARGEST_FACTOR), (0.0, LARGEST_NGRAM_FACTOR))

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Calibration:
    """What the logits are changed by.

    Attributes:
        category_factor: the encoder's category logits are multiplied by it (1 ÷ temperature).
        tag_factor: its tag logits are multiplied by it.
        tag_offset: and this is added.
        ngram_category_factor: the n-gram table's category logits times this are added to them.
        ngram_tag_factor: its tag logits times this to those.
    """

    category_factor: float = 1.0
    tag_factor: float = 1.0
    tag_offset: float = 0.0
    ngram_category_factor: float = 0.0
    ngram_tag_factor: float = 0.0

    def apply(self, logits: Floats, layout: Layout, ngram_logits: Floats | None = None) -> Floats:
        """Return the calibrated logits of [N, C + T], float32.

        Args:
            logits: the encoder's [N, C + T].
            layout: their columns.
            ngram_logits: the n-gram table's [N, C + T]; None where there is no such table.
        """
        tags = layout.columns(TAG)
        calibrated = logits * np.float32(self.category_factor)
        calibrated[:, tags] = logits[:, tags] * self.tag_factor + self.tag_offset
        if ngram_logits is not None:
            calibrated += ngram_logits * self.ngram_factors(layout)
        return calibrated

    @property
    def uses_ngrams(self) -> bool:
        """Whether anything is added from the n-gram table."""
        return self.ngram_category_factor > 0 or self.ngram_tag_factor > 0

    def ngram_factors(self, layout: Layout) -> Floats:
        """Return what the n-gram table's logit of each label is multiplied by, float32 [C + T]."""
        factors = np.zeros(layout.width, dtype=np.float32)
        factors[layout.columns(CATEGORY)] = self.ngram_category_factor
        factors[layout.columns(TAG)] = self.ngram_tag_factor
        return factors

    def fold_into(self, linear: nn.Linear, layout: Layout) -> None:
        """Change weights [C + T, hidden] and biases [C + T] of the last layer so that it answers calibrated logits."""
        with torch.no_grad():
            for tensor in (linear.weight, linear.bias):
                tensor[layout.columns(CATEGORY)] *= self.category_factor
                tensor[layout.columns(TAG)] *= self.tag_factor
            linear.bias[layout.columns(TAG)] += self.tag_offset


def fit_calibration(
    logits: Floats,
    layout: Layout,
    category: npt.NDArray[np.int64],
    tags: npt.NDArray[np.bool_],
    ngram_logits: Floats | None = None,
) -> Calibration:
    """Fit the calibration on held-out products by their log loss.

    Args:
        logits: the encoder's [N, C + T].
        layout: their columns.
        category: index of the category [N].
        tags: bool [N, T].
        ngram_logits: the n-gram table's [N, C + T]; None where there is no such table.

    Returns:
        The identity, which takes nothing from the n-gram table, for the categories, the tags or both where the products
        say too little of them.
    """
    parts = np.stack([logits] if ngram_logits is None else [logits, ngram_logits]).astype(np.float64)
    of_categories, of_tags = parts[:, :, layout.columns(CATEGORY)], parts[:, :, layout.columns(TAG)]
    category_factors, tag_factors, tag_offset = (1.0, 0.0), (1.0, 0.0), 0.0
    if len(category) < MIN_PRODUCTS:
        logger.info("The categories' probabilities stay as trained: %d validation products are too few.", len(category))
    elif of_categories.shape[2] > 1:
        category_factors = _category_factors(of_categories, category)
    if (carried := int(tags.sum())) >= MIN_TAGS:
        tag_factors, tag_offset = _tag_curve(of_tags, tags)
    elif tags.shape[1]:
        logger.info("The tags' probabilities stay as trained: the validation products carry %d, too few.", carried)
    return Calibration(category_factors[0], tag_factors[0], tag_offset, category_factors[1], tag_factors[1])


def _category_factors(logits: npt.NDArray[np.float64], category: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Factors of the parts of [parts, N, C]; 0 for a part that isn't there."""
    rows = np.arange(len(category))

    def loss(factors: npt.NDArray[np.float64]) -> float:
        return -float(log_softmax(np.tensordot(factors, logits, 1), axis=1)[rows, category].mean())

    found = minimize(loss, x0=[1.0, 0.0][: len(logits)], bounds=_BOUNDS[: len(logits)], method="L-BFGS-B").x
    return _pair(found)


def _tag_curve(logits: npt.NDArray[np.float64], tags: npt.NDArray[np.bool_]) -> tuple[tuple[float, float], float]:
    """Factors of the parts of [parts, N, T], as above, and the offset."""

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        shifted = np.tensordot(parameters[:-1], logits, 1) + parameters[-1]
        return float((np.logaddexp(0.0, shifted) - shifted * tags).mean())

    bounds = [*_BOUNDS[: len(logits)], (-LARGEST_OFFSET, LARGEST_OFFSET)]
    found = minimize(loss, x0=[*[1.0, 0.0][: len(logits)], 0.0], bounds=bounds, method="L-BFGS-B").x
    return _pair(found[:-1]), float(found[-1])


def _pair(factors: npt.NDArray[np.float64]) -> tuple[float, float]:
    return float(factors[0]), float(factors[1]) if len(factors) > 1 else 0.0
