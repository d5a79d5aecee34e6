"""Makes the probabilities honest: one temperature for the categories, one curve for the tags, folded into the head.

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017): fine-tuned networks are too sure of themselves, and
dividing the logits by one number fitted on held-out products mends most of it. The tags' logits get a factor and an
offset (Platt scaling). Both are linear, so that they go into the linear layer: the checkpoint stays a plain model, and
every engine made of it answers calibrated probabilities.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from torch import nn

logger = logging.getLogger(__name__)

MIN_PRODUCTS = 200
"""Fewer validation products say too little: the fit would follow their accidents."""
LARGEST_FACTOR = 4.0
"""Factors stay between its inverse and itself; a validation part without errors would ask for an infinite one."""


@dataclass(frozen=True)
class Calibration:
    """What the logits are changed by.

    Attributes:
        category_factor: the category logits are multiplied by it (1 ÷ temperature).
        tag_factor: the tag logits are multiplied by it.
        tag_offset: and this is added.
    """

    category_factor: float = 1.0
    tag_factor: float = 1.0
    tag_offset: float = 0.0

    def apply(self, logits: npt.NDArray[np.float32], num_categories: int) -> npt.NDArray[np.float32]:
        """Return the calibrated logits of [N, C + T], float32."""
        calibrated = logits * np.float32(self.category_factor)
        calibrated[:, num_categories:] = logits[:, num_categories:] * self.tag_factor + self.tag_offset
        return calibrated

    def fold_into(self, head: nn.Linear, num_categories: int) -> None:
        """Change the head's weights [C + T, hidden] and biases [C + T] so that it answers calibrated logits."""
        with torch.no_grad():
            for tensor in (head.weight, head.bias):
                tensor[:num_categories] *= self.category_factor
                tensor[num_categories:] *= self.tag_factor
            head.bias[num_categories:] += self.tag_offset


def fit_calibration(
    logits: npt.NDArray[np.float32], category: npt.NDArray[np.int64], tags: npt.NDArray[np.bool_]
) -> Calibration:
    """Fit the calibration on held-out products by their log loss.

    Args:
        logits: [N, C + T].
        category: index of the category [N].
        tags: bool [N, T].

    Returns:
        The identity where there are too few products to fit it on.
    """
    if len(category) < MIN_PRODUCTS:
        logger.info("The probabilities stay as trained: %d validation products are too few.", len(category))
        return Calibration()
    num_categories = logits.shape[1] - tags.shape[1]
    values = logits.astype(np.float64)
    factor, tag_factor, tag_offset = 1.0, 1.0, 0.0
    if num_categories > 1:
        factor = _category_factor(values[:, :num_categories], category)
    if tags.any():
        tag_factor, tag_offset = _tag_curve(values[:, num_categories:], tags)
    return Calibration(factor, tag_factor, tag_offset)


def _category_factor(logits: npt.NDArray[np.float64], category: npt.NDArray[np.int64]) -> float:
    rows = np.arange(len(category))

    def loss(log_factor: float) -> float:
        return -float(log_softmax(logits * np.exp(log_factor), axis=1)[rows, category].mean())

    bound = np.log(LARGEST_FACTOR)
    return float(np.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded").x))


def _tag_curve(logits: npt.NDArray[np.float64], tags: npt.NDArray[np.bool_]) -> tuple[float, float]:
    def loss(parameters: npt.NDArray[np.float64]) -> float:
        shifted = logits * np.exp(parameters[0]) + parameters[1]
        return float((np.logaddexp(0.0, shifted) - shifted * tags).mean())

    bound = np.log(LARGEST_FACTOR)
    found = minimize(loss, x0=np.zeros(2), bounds=[(-bound, bound), (-2.0, 2.0)], method="L-BFGS-B").x
    return float(np.exp(found[0])), float(found[1])
