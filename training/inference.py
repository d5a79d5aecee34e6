"""Probabilities of a checkpoint for many texts: batches of similar length, no gradients."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from catalog.heads import Layout
from training.data import EncodedTexts, pad

BATCH_SIZE = 64


def predict_logits(
    model: PreTrainedModel, texts: EncodedTexts, pad_token_id: int, title: str = ""
) -> npt.NDArray[np.float32]:
    """Return the logits of every text in its place, float32 [N, C + T].

    Args:
        model: a BertForProductTagging, on whatever device it lies.
        texts: tokenized.
        pad_token_id: what fills the short rows of a batch.
        title: what the progress bar is called; empty for none.
    """
    logits = np.zeros((len(texts), model.config.num_labels), dtype=np.float32)
    for rows, batch in iter_logits(model, texts, pad_token_id, title):
        logits[rows] = batch
    return logits


def iter_logits(
    model: PreTrainedModel, texts: EncodedTexts, pad_token_id: int, title: str = ""
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Yield row numbers, int64 [B], and their logits, float32 [B, C + T]: every text once, the short ones first.

    The arguments are those of `predict_logits`.
    """
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for rows, ids, mask in padded_batches(texts, pad_token_id, title):
            answer = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device))
            yield rows, answer.logits.float().cpu().numpy()
    model.train(was_training)


def padded_batches(
    texts: EncodedTexts, pad_token_id: int, title: str = ""
) -> Iterator[tuple[npt.NDArray[np.int64], torch.Tensor, torch.Tensor]]:
    """Yield row numbers, int64 [B], token ids and mask, int64 [B, L] each: every text once, the short ones first.

    Args:
        texts: tokenized.
        pad_token_id: what fills the short rows of a batch.
        title: what the progress bar is called; empty for none.
    """
    by_length = np.argsort(texts.lengths, kind="stable")
    starts = range(0, len(by_length), BATCH_SIZE)
    for start in tqdm(starts, desc=title, unit="batch", disable=None if title else True, leave=False):
        rows = by_length[start : start + BATCH_SIZE]
        yield rows, *pad([texts.token_ids(row) for row in rows], pad_token_id)


def probabilities_of(logits: npt.NDArray[np.float32], layout: Layout) -> npt.NDArray[np.float32]:
    """Turn logits [N, C + T] into probabilities of the same shape by the heads' activations."""
    probabilities: npt.NDArray[np.float32] = layout.probabilities(torch.from_numpy(logits)).numpy()
    return probabilities
