"""The training loss: cross-entropy for the category, binary cross-entropy for the tags, summed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training.data import Labels


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
    """Sum of the category loss and the tag loss over a batch.

    The tag loss is summed over the tags: a product carries few of them, and a mean over all would leave each with next
    to no gradient.

    Args:
        num_categories: C; the first C logits are the categories.
    """

    def __init__(self, num_categories: int) -> None:
        self._num_categories = num_categories

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
        logits = logits.float()
        losses = functional.cross_entropy(logits[:, : self._num_categories], category, reduction="none")
        if tags.shape[1]:
            losses = losses + functional.binary_cross_entropy_with_logits(
                logits[:, self._num_categories :], tags, reduction="none"
            ).sum(dim=1)
        return (losses * weight).sum() / weight.sum()
