"""The training products' texts in batches, for what a base learns from them without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from training.data import AT_ONCE, LengthGroupedSampler, pad

BATCH_SIZE = 32
MAX_LENGTH = 48
"""Tokens that a text is cut at: long ones would cost as much time again and hold few other words."""
ENOUGH = 100
"""Fewer texts say too little of what the catalogue is about: a base learns nothing from them."""
SEED = 13
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

Batch = tuple[torch.Tensor, torch.Tensor]


def batches(texts: Sequence[str], tokenizer: Tokenizer, pad_token_id: int) -> Iterator[Batch]:
    """Yield token ids and attention mask, int64 [B, L], without end: all texts, then all in another order.

    Args:
        texts: at least one.
        tokenizer: neither cuts nor pads.
        pad_token_id: what fills the short rows of a batch.
    """
    rows = [_cut(encoding.ids) for start in range(0, len(texts), AT_ONCE)
            for encoding in tokenizer.encode_batch_fast(list(texts[start : start + AT_ONCE]))]  # fmt: skip
    order = LengthGroupedSampler(np.array([len(row) for row in rows]), BATCH_SIZE, SEED)
    for epoch in count():
        order.start_epoch(epoch)
        numbers = list(order)
        for start in range(0, len(numbers), BATCH_SIZE):
            ids, mask = pad([rows[number] for number in numbers[start : start + BATCH_SIZE]], pad_token_id)
            yield ids.to(DEVICE), mask.to(DEVICE)


def _cut(ids: list[int]) -> npt.NDArray[np.int32]:
    row = np.array(ids, dtype=np.int32)
    return row if len(row) <= MAX_LENGTH else np.append(row[: MAX_LENGTH - 1], row[-1])


def mean_vectors(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean [B, H] of the tokens' vectors [B, L, H], padding left out."""
    weights = mask.unsqueeze(-1).to(vectors.dtype)
    return (vectors * weights).sum(dim=1) / weights.sum(dim=1)
