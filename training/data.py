"""Turns prepared examples into token ids and label arrays, and draws them in batches of similar length."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix, vstack
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedTokenizerBase

from catalog.heads import CATEGORY, TAG
from catalog.prepared import Example
from catalog.taxonomy import Taxonomy

AT_ONCE = 4096
"""So many texts are tokenized, and their labels looked up, together."""
MEGA_BATCHES = 50
"""So many batches of shuffled rows are sorted by length together: enough to save padding, few enough to stay random."""


@dataclass(frozen=True)
class Labels:
    """The targets of N examples over C categories and T tags.

    Attributes:
        category: index of the category, int64 [N].
        tags: which tags the example carries, sparse bool [N, T].
        weight: sample weight, float32 [N].
        tags_known: whether it is known which tags an example carries, bool [N].
        languages: language codes, [N].
    """

    category: npt.NDArray[np.int64]
    tags: csr_matrix
    weight: npt.NDArray[np.float32]
    tags_known: npt.NDArray[np.bool_]
    languages: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.category)

    @property
    def tag_weight(self) -> npt.NDArray[np.float32]:
        """What each example counts for the tags, float32 [N]: nothing where they are not known."""
        return self.weight * self.tags_known

    def of(self, rows: npt.NDArray[np.bool_]) -> Labels:
        """The same for some of the examples, bool [N]."""
        return Labels(
            self.category[rows], self.tags[rows], self.weight[rows], self.tags_known[rows], self.languages[rows]
        )

    def without_tags(self) -> Labels:
        """The same of examples whose tags are not known."""
        nothing = csr_matrix(self.tags.shape, dtype=np.bool_)
        return replace(self, tags=nothing, tags_known=np.zeros(len(self), dtype=np.bool_))

    def tag_counts(self) -> npt.NDArray[np.int64]:
        """Return how many examples carry each tag, int64 [T]."""
        return np.bincount(self.tags.indices, minlength=self.tags.shape[1])

    def columns(self, categories: int) -> Iterator[npt.NDArray[np.bool_]]:
        """Yield for each of C categories, then for each tag, which examples have it, bool [N]."""
        for number in range(categories):
            yield self.category == number
        by_tag = self.tags.tocsc()
        for number in range(self.tags.shape[1]):
            flags = np.zeros(len(self), dtype=np.bool_)
            flags[by_tag.indices[by_tag.indptr[number] : by_tag.indptr[number + 1]]] = True
            yield flags

    def column_weights(self, categories: int) -> Iterator[npt.NDArray[np.float32]]:
        """Yield for each of the same columns what each example counts there, float32 [N]."""
        return chain(repeat(self.weight, categories), repeat(self.tag_weight, self.tags.shape[1]))


def encode_labels(examples: Iterable[Example], taxonomy: Taxonomy) -> Labels:
    """Turn the labels of the examples into targets; tags that the taxonomy doesn't know are left out.

    Raises:
        TaxonomyError: The taxonomy doesn't know an example's category.
    """
    return joined_labels([_encoded(batch, taxonomy) for batch in _batches(examples)] or [_encoded([], taxonomy)])


def _encoded(examples: Sequence[Example], taxonomy: Taxonomy) -> Labels:
    targets = taxonomy.encode(examples)
    return Labels(
        category=targets[CATEGORY],
        tags=targets[TAG],
        weight=np.array([example.weight for example in examples], dtype=np.float32),
        tags_known=np.ones(len(examples), dtype=np.bool_),
        languages=np.array([example.lang for example in examples], dtype=np.str_),
    )


def joined_labels(parts: Sequence[Labels]) -> Labels:
    """Put the targets of several lots of examples, at least one, behind each other."""
    return Labels(
        category=np.concatenate([part.category for part in parts]),
        tags=vstack([part.tags for part in parts], format="csr"),
        weight=np.concatenate([part.weight for part in parts]),
        tags_known=np.concatenate([part.tags_known for part in parts]),
        languages=np.concatenate([part.languages for part in parts]),
    )


def _batches(items: Iterable[Example]) -> Iterator[list[Example]]:
    remaining = iter(items)
    while batch := list(islice(remaining, AT_ONCE)):
        yield batch


class EncodedTexts:
    """Tokenized texts; their token ids lie in one flat int32 array, so that a million rows fit.

    Args:
        texts: N cleaned texts; they are gone through once, and not kept.
        tokenizer: a fast one, which cuts at its `model_max_length`.

    Attributes:
        lengths: tokens of each text, special tokens included, int64 [N].
        cut: whether the text was longer than the tokenizer's length, bool [N].
    """

    def __init__(self, texts: Iterable[str], tokenizer: PreTrainedTokenizerBase) -> None:
        flat, lengths, cut = array("i"), array("q"), array("b")
        remaining = iter(texts)
        while batch := list(islice(remaining, AT_ONCE)):
            encoded = tokenizer(batch, truncation=True)
            for ids in encoded["input_ids"]:
                flat.extend(ids)
                lengths.append(len(ids))
            cut.extend(bool(one.overflowing) for one in encoded.encodings or ())
        self.lengths: npt.NDArray[np.int64] = np.array(lengths, dtype=np.int64)
        self.cut: npt.NDArray[np.bool_] = np.array(cut, dtype=np.bool_)
        self.flat_ids: npt.NDArray[np.int32] = (
            np.frombuffer(flat, dtype=np.int32) if flat else np.zeros(0, dtype=np.int32)
        )
        self.ends = np.cumsum(self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def token_ids(self, row: int) -> npt.NDArray[np.int32]:
        """Return the token ids of one text, int32 [length]."""
        end = self.ends[row]
        return self.flat_ids[end - self.lengths[row] : end]

    def occurrences(self, token_id: int) -> npt.NDArray[np.int64]:
        """Return how often a token is in each text, int64 [N]."""
        rows = np.searchsorted(self.ends, np.flatnonzero(self.flat_ids == token_id), side="right")
        return np.bincount(rows, minlength=len(self))


class EncodedExamples(EncodedTexts, Dataset[dict[str, Any]]):
    """Tokenized examples with their labels.

    Args:
        examples: N examples; they are gone through once, and not kept.
        taxonomy: numbers their labels.
        tokenizer: a fast one, which cuts at its `model_max_length`.

    Attributes:
        labels: theirs.

    Raises:
        TaxonomyError: The taxonomy doesn't know an example's category.
    """

    def __init__(self, examples: Iterable[Example], taxonomy: Taxonomy, tokenizer: PreTrainedTokenizerBase) -> None:
        parts: list[Labels] = []

        def texts() -> Iterator[str]:
            for batch in _batches(examples):
                parts.append(_encoded(batch, taxonomy))
                yield from (example.text for example in batch)

        super().__init__(texts(), tokenizer)
        self.labels = joined_labels(parts or [_encoded([], taxonomy)])

    def followed_by(self, others: EncodedExamples) -> EncodedExamples:
        """Return these examples, and behind them others of the same tokenizer and taxonomy."""
        both = copy(self)
        both.lengths = np.concatenate([self.lengths, others.lengths])
        both.cut = np.concatenate([self.cut, others.cut])
        both.flat_ids = np.concatenate([self.flat_ids, others.flat_ids])
        both.ends = np.cumsum(both.lengths)
        both.labels = joined_labels([self.labels, others.labels])
        return both

    def drawn_lengths(self) -> npt.NDArray[np.int64]:
        """Return the lengths by which rows are put into batches, int64 [N].

        Names of labels are shorter than products and would make up batches of their own, each of which counts as much
        as one of products. So they are taken for as long as products at equal distances.
        """
        names = np.flatnonzero(~self.labels.tags_known)
        products = np.sort(self.lengths[self.labels.tags_known])
        if not len(names) or not len(products):
            return self.lengths
        lengths = self.lengths.copy()
        lengths[names] = products[np.arange(len(names)) * len(products) // len(names)]
        return lengths

    def __getitem__(self, row: int) -> dict[str, Any]:
        carried = self.labels.tags
        tags = np.zeros(carried.shape[1], dtype=np.float32)
        tags[carried.indices[carried.indptr[row] : carried.indptr[row + 1]]] = 1.0
        return {
            "input_ids": self.token_ids(row),
            "category": self.labels.category[row],
            "tags": tags,
            "weight": self.labels.weight[row],
            "tag_weight": self.labels.weight[row] * self.labels.tags_known[row],
        }


@dataclass(frozen=True)
class PaddingCollator:
    """Pads a batch to its longest row."""

    pad_token_id: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return input_ids and attention_mask int64 [B, L]; category int64 [B]; tags [B, T] and weights [B] float32."""
        ids, mask = pad([row["input_ids"] for row in rows], self.pad_token_id)
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "category": torch.from_numpy(np.array([row["category"] for row in rows])),
            "tags": torch.from_numpy(np.stack([row["tags"] for row in rows])),
            **{name: torch.from_numpy(np.array([row[name] for row in rows])) for name in ("weight", "tag_weight")},
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
