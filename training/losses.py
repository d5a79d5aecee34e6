"""The training loss: cross-entropy for the category, binary cross-entropy for the tags, summed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from catalog.heads import CATEGORY, TAG, Layout
from training.data import Labels


def prior_log_odds(labels: Labels, layout: Layout) -> npt.NDArray[np.float32]:
    """Bias [C + T] that makes an untrained head answer the training frequencies.

    Without it the rare tags' logits need most of an epoch to come down from probability 0.5.
    """
    rows, num_categories = max(len(labels.category), 1), len(layout.labels[CATEGORY])
    tagged = np.count_nonzero(labels.tags_known)
    category_share = (np.bincount(labels.category, minlength=num_categories) + 0.5) / (rows + 0.5 * num_categories)
    tag_share = (labels.tag_counts().astype(np.float32) + 0.5) / (tagged + 1.0)
    log_odds = np.zeros(layout.width, dtype=np.float32)
    log_odds[layout.columns(CATEGORY)] = np.log(category_share)
    log_odds[layout.columns(TAG)] = np.log(tag_share / (1.0 - tag_share))
    return log_odds


class ProductTaggingLoss:
    """Sum of the category loss and the tag loss over a batch.

    The tag loss is summed over the tags: a product carries few of them, and a mean over all would leave each with next
    to no gradient.

    Args:
        layout: The columns of the logits.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __call__(
        self,
        logits: torch.Tensor,
        category: torch.Tensor,
        tags: torch.Tensor,
        weight: torch.Tensor,
        tag_weight: torch.Tensor,
    ) -> torch.Tensor:
        """Return the scalar loss.

        Args:
            logits: [B, C + T].
            category: indices [B], int64.
            tags: 0.0 or 1.0 [B, T].
            weight: sample weights of the categories [B].
            tag_weight: those of the tags [B].
        """
        logits = logits.float()
        losses = weight * functional.cross_entropy(logits[:, self.layout.columns(CATEGORY)], category, reduction="none")
        if tags.shape[1]:
            losses = losses + tag_weight * functional.binary_cross_entropy_with_logits(
                logits[:, self.layout.columns(TAG)], tags, reduction="none"
            ).sum(dim=1)
        return losses.sum() / weight.sum()
