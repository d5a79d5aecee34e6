"""Turns prepared examples into token ids and label arrays, and draws them in batches of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedTokenizerBase

from catalog.heads import CATEGORY, TAG
from catalog.prepared import Example
from catalog.taxonomy import Taxonomy

TOKENIZE_AT_ONCE = 4096
MEGA_BATCHES = 50
"""So many batches of shuffled rows are sorted by length together: enough to save padding, few enough to stay random."""


@dataclass(frozen=True)
class Labels:
    """The targets of N examples over C categories and T tags.

    Attributes:
        category: index of the category, int64 [N].
        tags: 1.0 where the example carries the tag, float32 [N, T].
        weight: sample weight, float32 [N].
    """

    category: npt.NDArray[np.int64]
    tags: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]


def encode_labels(examples: Sequence[Example], taxonomy: Taxonomy) -> Labels:
    """Turn the labels of the examples into targets; tags that the taxonomy doesn't know are left out.

    Raises:
        TaxonomyError: The taxonomy doesn't know an example's category.
    """
    targets = taxonomy.encode(examples)
    return Labels(
        category=targets[CATEGORY],
        tags=targets[TAG].astype(np.float32),
        weight=np.array([e.weight for e in examples], dtype=np.float32),
    )


class EncodedTexts:
    """Tokenized texts; their token ids lie in one flat int32 array, so that a million rows fit.

    Args:
        texts: N cleaned texts.
        tokenizer: a fast one, which cuts at its `model_max_length`.

    Attributes:
        lengths: tokens of each text, special tokens included, int64 [N].
        cut: whether the text was longer than the tokenizer's length, bool [N].
    """

    def __init__(self, texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> None:
        pieces: list[npt.NDArray[np.int32]] = []
        lengths: list[int] = []
        cut: list[bool] = []
        for start in range(0, len(texts), TOKENIZE_AT_ONCE):
            encoded = tokenizer(list(texts[start : start + TOKENIZE_AT_ONCE]), truncation=True)
            batch = encoded["input_ids"]
            lengths.extend(len(ids) for ids in batch)
            cut.extend(bool(one.overflowing) for one in encoded.encodings or ())
            pieces.append(np.concatenate([np.asarray(ids, dtype=np.int32) for ids in batch]))
        self.lengths: npt.NDArray[np.int64] = np.array(lengths, dtype=np.int64)
        self.cut: npt.NDArray[np.bool_] = np.array(cut, dtype=np.bool_)
        self._ids = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int32)
        self._ends = np.cumsum(self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def token_ids(self, row: int) -> npt.NDArray[np.int32]:
        """Return the token ids of one text, int32 [length]."""
        end = self._ends[row]
        return self._ids[end - self.lengths[row] : end]


class EncodedExamples(EncodedTexts, Dataset[dict[str, Any]]):
    """Tokenized examples with their labels.

    Args:
        texts: N cleaned texts.
        labels: theirs.
        tokenizer: a fast one, which cuts at its `model_max_length`.

    Attributes:
        labels: those given.
    """

    def __init__(self, texts: Sequence[str], labels: Labels, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(texts, tokenizer)
        self.labels = labels

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {
            "input_ids": self.token_ids(row),
            "category": self.labels.category[row],
            "tags": self.labels.tags[row],
            "weight": self.labels.weight[row],
        }


@dataclass(frozen=True)
class PaddingCollator:
    """Pads a batch to its longest row."""

    pad_token_id: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return input_ids and attention_mask int64 [B, L]; category int64 [B]; tags [B, T] and weight [B] float32."""
        ids, mask = pad([row["input_ids"] for row in rows], self.pad_token_id)
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "category": torch.from_numpy(np.array([row["category"] for row in rows])),
            "tags": torch.from_numpy(np.stack([row["tags"] for row in rows])),
            "weight": torch.from_numpy(np.array([row["weight"] for row in rows])),
        }


def pad(rows: Sequence[npt.NDArray[np.int32]], pad_token_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad token ids to the longest row: input_ids and attention_mask, int64 [B, L]."""
    longest = max(len(row) for row in rows)
    ids = np.full((len(rows), longest), pad_token_id, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


@dataclass(frozen=True)
class TokenDropout:
    """Hides tokens at random, so that a product is learnt by more than the one word that gives it away.

    Attributes:
        share: of the tokens that are hidden.
        hidden_id: what stands in their place.
        kept_ids: the special tokens, which are never hidden.
    """

    share: float
    hidden_id: int
    kept_ids: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, share: float) -> TokenDropout:
        """Make it with a tokenizer's own special tokens; without a mask token the unknown token hides."""
        hidden = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
        return cls(share if hidden is not None else 0.0, int(hidden or 0), tuple(tokenizer.all_special_ids))

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the token ids [B, L] with some of them hidden."""
        if not self.share:
            return ids
        kept = torch.isin(ids, torch.tensor(self.kept_ids, device=ids.device))
        return ids.masked_fill((torch.rand(ids.shape, device=ids.device) < self.share) & ~kept, self.hidden_id)


class LengthGroupedSampler(Sampler[int]):
    """Draws every row once an epoch, at random, rows of similar length next to each other.

    The order depends on nothing but seed and epoch, so that a resumed run continues it where it stopped. The epoch is
    set through `start_epoch`, not `set_epoch`: accelerate calls the latter with 0 on the loader it makes for a resumed
    epoch (`skip_first_batches`), which would repeat the first epoch's order.
    """

    def __init__(self, lengths: npt.NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def start_epoch(self, epoch: int) -> None:
        """Choose the order of the given epoch, counted from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self._seed, self._epoch))
        shuffled = random.permutation(len(self._lengths))
        batches: list[npt.NDArray[np.int64]] = []
        for start in range(0, len(shuffled), self._batch_size * MEGA_BATCHES):
            mega = shuffled[start : start + self._batch_size * MEGA_BATCHES]
            by_length = mega[np.argsort(-self._lengths[mega], kind="stable")]
            batches.extend(np.array_split(by_length, range(self._batch_size, len(by_length), self._batch_size)))
        # The short last batch stays last: anywhere else it would shift the borders of all that follow.
        last = batches.pop() if batches and len(batches[-1]) < self._batch_size else None
        order = [batches[i] for i in random.permutation(len(batches))] + ([last] if last is not None else [])
        return iter(np.concatenate(order).tolist() if order else [])
