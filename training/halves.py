"""What the encoder and the n-gram table each say alone, beside what they say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from catalog.heads import TAG
from catalog.taxonomy import Taxonomy
from training.answers import Answers, answers_of, in_batches
from training.checkpoint import Checkpoint
from training.data import EncodedExamples, Labels
from training.evaluation import summarize
from training.inference import padded_batches, probabilities_of
from training.modeling_product_tagging import NgramTable
from training.sampling import CHOOSING_CELLS
from training.thresholds import choose_thresholds

Floats = npt.NDArray[np.float32]

ENCODER, NGRAMS = "encoder", "ngrams"
NOT_COMPARED = ("category_ece", "tag_ece")
"""The two are calibrated together: what one of them states alone is no probability."""


@dataclass(frozen=True)
class Parts:
    """The logits of N products in two parts; their sum is what the model answers.

    Attributes:
        encoder: float32 [N, C + T].
        ngrams: float32 [N, C + T].
        labels: what is true.
    """

    encoder: Floats
    ngrams: Floats
    labels: Labels

    def answers(self, checkpoint: Checkpoint) -> Answers:
        """What both say together, by the checkpoint's thresholds."""
        return _decided(self.encoder + self.ngrams, checkpoint.thresholds, self.labels, checkpoint.taxonomy)


def fit_into_memory(products: int, labels: int) -> bool:
    """Say whether so many products' parts may be held in memory."""
    return products * labels <= CHOOSING_CELLS


def parts_of(checkpoint: Checkpoint, examples: EncodedExamples, title: str) -> Parts:
    """Answer products in parts.

    Args:
        checkpoint: its model is ready to answer, and has an n-gram table.
        examples: N products.
        title: what the progress bar is called.
    """
    model, pad_token_id = checkpoint.model, int(checkpoint.tokenizer.pad_token_id)
    table: NgramTable | None = model.ngrams
    if table is None:
        raise ValueError("The model has no n-gram table: it answers in one part.")
    shape = len(examples), model.config.num_labels
    encoder, ngrams = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    with torch.inference_mode():
        for rows, ids, mask in padded_batches(examples, pad_token_id, title):
            ids, mask = ids.to(model.device), mask.to(model.device)
            ngrams[rows] = table(ids, mask).float().cpu().numpy()
            encoder[rows] = model(input_ids=ids, attention_mask=mask).logits.float().cpu().numpy() - ngrams[rows]
    return Parts(encoder, ngrams, examples.labels)


def measure_halves(validation: Parts, test: Parts, taxonomy: Taxonomy) -> dict[str, dict[str, Any]]:
    """Return `summarize` of the test part for each half alone, its tags by thresholds of its own.

    Args:
        validation: on which the thresholds are chosen.
        test: what is measured; at least one product.
        taxonomy: names the labels.
    """
    halves = {}
    for name in (ENCODER, NGRAMS):
        logits, held_out = getattr(test, name), getattr(validation, name)
        tags = taxonomy.layout.columns(TAG)
        stated = probabilities_of(held_out, taxonomy.layout)[:, tags]
        thresholds = choose_thresholds(stated, validation.labels.tags.toarray())
        figures = summarize(_decided(logits, thresholds, test.labels, taxonomy))
        halves[name] = {key: value for key, value in figures.items() if key not in NOT_COMPARED}
    return halves


def _decided(logits: Floats, thresholds: Floats, labels: Labels, taxonomy: Taxonomy) -> Answers:
    return answers_of(in_batches(probabilities_of(logits, taxonomy.layout)), thresholds, labels, taxonomy)
