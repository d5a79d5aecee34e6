"""Makes the probabilities honest: one temperature for the categories, one curve for the tags, folded into the model.

Fine-tuned networks are overconfident. Dividing the logits by one number fitted on held-out products corrects most of it
(Guo et al., "On Calibration of Modern Neural Networks", ICML 2017). The tags' logits get a factor and an
offset (Platt scaling). What the n-gram table (`ngrams`) counts beside the encoder is fitted with them. All is linear
and goes into the linear layer and the table: every engine made of the checkpoint answers calibrated probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import Bounds, minimize
from scipy.special import log_softmax
from torch import nn

from catalog.heads import CATEGORY, TAG, Layout

SMALLEST_FACTOR, LARGEST_FACTOR = 0.01, 4.0
"""Of the encoder. Products without an error would ask for an infinite one; the smallest leaves the table alone."""
LARGEST_NGRAM_FACTOR = 30.0
"""Of the n-gram table: a support vector machine's margins are smaller than logits, and with 800 labels much smaller."""
LARGEST_OFFSET = 4.0

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Usual:
    """What a factor of the encoder, one of the table and an offset usually are, and how far off they usually are.

    Factors are off by a ratio, so their logarithms are what counts.
    """

    factor: float
    ngram_factor: float
    ratio_off: float = float(np.log(2.0))
    ngram_ratio_off: float = float(np.log(3.0))
    offset_off: float = 1.0

    def distance(self, factors: Doubles) -> float:
        """Half the squared distance of factor, factor of the table and offset, [3], in units of what is usual."""
        ratio = np.log(factors[0] / self.factor) / self.ratio_off
        of_table = np.log(factors[1] / self.ngram_factor) / self.ngram_ratio_off
        return float(ratio**2 + of_table**2 + (factors[2] / self.offset_off) ** 2) / 2


_USUAL_CATEGORY, _USUAL_TAG = _Usual(0.5, 2.0), _Usual(0.5, 1.5)
"""Set among the best factors of five trainings on 300 to 25,000 products, which lie between 0.3 and 1.2 and between 0.8
and 7 (docs/experiments/few-validation-products.md). Other values were not compared."""


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
    """Fit the calibration on held-out products by their log loss, and what is usual.

    Few products, or few tags that they carry, leave it near the usual one; without any it is the usual one.

    Args:
        logits: the encoder's [N, C + T].
        layout: their columns.
        category: index of the category [N].
        tags: bool [N, T].
        ngram_logits: the n-gram table's [N, C + T]; None where there is no such table.
    """
    parts = np.stack([logits] if ngram_logits is None else [logits, ngram_logits]).astype(np.float64)
    of_categories, of_tags = parts[:, :, layout.columns(CATEGORY)], parts[:, :, layout.columns(TAG)]
    categories = _fit(_USUAL_CATEGORY, partial(_category_loss, of_categories, category))
    curve = _fit(_USUAL_TAG, partial(_tag_loss, of_tags, tags))
    if ngram_logits is None:
        return Calibration(categories[0], curve[0], curve[2])
    return Calibration(categories[0], curve[0], curve[2], categories[1], curve[1])


def log_loss(logits: Floats, layout: Layout, category: npt.NDArray[np.int64], tags: npt.NDArray[np.bool_]) -> float:
    """Return the mean log loss of N products' calibrated logits [N, C + T], categories and tags together."""
    once, parts = np.array([1.0, 0.0, 0.0]), logits[np.newaxis].astype(np.float64)
    of_categories = _category_loss(parts[:, :, layout.columns(CATEGORY)], category, once)
    return (of_categories + _tag_loss(parts[:, :, layout.columns(TAG)], tags, once)) / max(1, len(category))


def _fit(usual: _Usual, loss: Callable[[Doubles], float]) -> list[float]:
    """Factor, factor of the table and offset that products' log loss and what is usual speak for together."""
    begin = np.array([usual.factor, usual.ngram_factor, 0.0])
    bounds = Bounds(
        [SMALLEST_FACTOR, SMALLEST_FACTOR, -LARGEST_OFFSET], [LARGEST_FACTOR, LARGEST_NGRAM_FACTOR, LARGEST_OFFSET]
    )
    found = minimize(lambda factors: loss(factors) + usual.distance(factors), begin, bounds=bounds, method="L-BFGS-B")
    return [float(factor) for factor in found.x]


def _category_loss(logits: Doubles, category: npt.NDArray[np.int64], factors: Doubles) -> float:
    """The summed log loss of categories whose logits' parts [parts, N, C] are multiplied by factors."""
    answered = log_softmax(np.tensordot(factors[:2][: len(logits)], logits, 1), axis=1)
    return -float(answered[np.arange(len(category)), category].sum())


def _tag_loss(logits: Doubles, tags: npt.NDArray[np.bool_], factors: Doubles) -> float:
    """The summed log loss of tags whose logits' parts [parts, N, T] get two factors and an offset."""
    shifted = np.tensordot(factors[:2][: len(logits)], logits, 1) + factors[2]
    return float((np.logaddexp(0.0, shifted) - shifted * tags).sum())
