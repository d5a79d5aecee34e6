"""The training loss: cross-entropy for the category, binary cross-entropy for the tags, weighted and summed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training.data import Labels


def category_weights(labels: Labels, num_categories: int, cap: float) -> npt.NDArray[np.float32]:
    """Inverse-frequency class weights [C], 1.0 for the average category and never more than `cap`.

    w_c = min(cap, n / (C · n_c)), and a category without products weighs 1; cap = 1 leaves rare categories at 1 and
    turns the weights off altogether.
    """
    if cap <= 1.0:
        return np.ones(num_categories, dtype=np.float32)
    counts = np.bincount(labels.category, minlength=num_categories)
    weights = counts.sum() / (num_categories * np.maximum(counts, 1))
    weights = np.where(counts > 0, np.minimum(weights, cap), 1.0)
    return np.asarray(weights, dtype=np.float32)


def tag_positive_weights(labels: Labels, cap: float) -> npt.NDArray[np.float32]:
    """Weights [T] of a tag's positive examples: min(cap, √(negatives ÷ positives)), at least 1.

    The square root, because full balancing makes the probabilities of rare tags many times too high.
    """
    positives = labels.tags.sum(axis=0)
    ratio = np.sqrt((len(labels.tags) - positives) / np.maximum(positives, 1.0))
    return np.asarray(np.clip(ratio, 1.0, cap), dtype=np.float32)


def prior_log_odds(labels: Labels, num_categories: int) -> npt.NDArray[np.float32]:
    """Bias [C + T] that makes an untrained head answer the training frequencies.

    Without it the rare tags' logits need most of an epoch to come down from probability 0.5.
    """
    rows = max(len(labels.category), 1)
    category_share = (np.bincount(labels.category, minlength=num_categories) + 0.5) / (rows + 0.5 * num_categories)
    tag_share = (labels.tags.sum(axis=0) + 0.5) / (rows + 1.0)
    log_odds = np.concatenate([np.log(category_share), np.log(tag_share / (1.0 - tag_share))])
    return np.asarray(log_odds, dtype=np.float32)


class ProductTaggingLoss:
    """Weighted sum of the category loss and the tag loss over a batch.

    Args:
        category_weights: class weights [C].
        tag_positive_weights: weights of the tags' positives [T].
        category_loss_weight: factor of the category loss.
        tag_loss_weight: factor of the tag loss, which is summed over the tags: a product carries few of them, and a
            mean over all would leave each with next to no gradient.
    """

    def __init__(
        self,
        category_weights: npt.NDArray[np.float32],
        tag_positive_weights: npt.NDArray[np.float32],
        category_loss_weight: float = 1.0,
        tag_loss_weight: float = 1.0,
    ) -> None:
        self._category_weights = torch.from_numpy(category_weights)
        self._tag_positive_weights = torch.from_numpy(tag_positive_weights)
        self._category_loss_weight = category_loss_weight
        self._tag_loss_weight = tag_loss_weight

    def __call__(
        self, logits: torch.Tensor, category: torch.Tensor, tags: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        """Return the scalar loss.

        Args:
            logits: [B, C + T].
            category: indices [B], int64.
            tags: 0.0 or 1.0 [B, T].
            weight: sample weights [B].
        """
        num_categories = len(self._category_weights)
        logits = logits.float()
        losses = self._category_loss_weight * functional.cross_entropy(
            logits[:, :num_categories], category, weight=self._category_weights.to(logits.device), reduction="none"
        )
        if tags.shape[1]:
            losses = losses + self._tag_loss_weight * functional.binary_cross_entropy_with_logits(
                logits[:, num_categories:],
                tags,
                pos_weight=self._tag_positive_weights.to(logits.device),
                reduction="none",
            ).sum(dim=1)
        return (losses * weight).sum() / weight.sum()
