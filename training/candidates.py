"""The encoders that a checkpoint may get, the fine-tuned one and the frozen one: held-out products choose."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catalog.heads import Layout
from training.calibration import Calibration, fit_calibration, log_loss
from training.data import Labels
from training.modeling_product_tagging import BertForProductTagging

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class HeldOut:
    """What the two halves say of products that they were not fitted on.

    Attributes:
        encoder: its logits, float32 [N, C + T].
        ngrams: the table's, float32 [N, C + T]; None where there is no table.
        labels: what is true.
    """

    encoder: Floats
    ngrams: Floats | None
    labels: Labels


@dataclass(frozen=True)
class Candidate:
    """An encoder with its head, and how it answers held-out products beside the table.

    Attributes:
        name: `fine-tuned` or `frozen`.
        model: encoder and head, not calibrated.
        held_out: what it and the table say.
        calibration: what was fitted on that.
        logits: calibrated, float32 [N, C + T].
        loss: their mean log loss, categories and tags together; 0 where no product is held out.
    """

    name: str
    model: BertForProductTagging
    held_out: HeldOut
    calibration: Calibration
    logits: Floats
    loss: float

    @classmethod
    def of(cls, name: str, model: BertForProductTagging, held_out: HeldOut, layout: Layout) -> Candidate:
        """Calibrate an encoder on held-out products."""
        category, tags = held_out.labels.category, held_out.labels.tags.toarray()
        calibration = fit_calibration(held_out.encoder, layout, category, tags, held_out.ngrams)
        logits = calibration.apply(held_out.encoder, layout, held_out.ngrams)
        return cls(name, model, held_out, calibration, logits, log_loss(logits, layout, category, tags))


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Choose the one that answers held-out products with the least log loss; the first where they are equal."""
    best = min(candidates, key=lambda candidate: candidate.loss)
    for other in candidates:
        if other is not best:
            logger.info(
                "The %s encoder is taken: its log loss on %s held-out products is %.3f, that of the %s one %.3f.",
                best.name, f"{len(best.held_out.labels):,}", best.loss, other.name, other.loss,
            )  # fmt: skip
    return best
