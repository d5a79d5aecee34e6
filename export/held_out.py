"""Held-out products as the served model sees them: token ids, and the batches they are computed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from catalog.heads import CATEGORY, TAG, UnknownLabel
from catalog.prepared import Example, PreparedCatalogError, read_split
from catalog.taxonomy import Taxonomy
from export.checkpoint import Checkpoint
from export.errors import ExportError

TokenBatch = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""input_ids and attention_mask, int64 [B, L]."""
Scores = npt.NDArray[np.float32]
"""All outputs of a graph side by side, float32 [B, columns]: the C + T probabilities, then any other output's."""
Scorer = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], Scores]
"""input_ids, attention_mask int64 [B, L] → float32 [B, columns]."""


class Run(NamedTuple):
    """Products that are computed together.

    Attributes:
        rows: Their numbers, int64 [B].
        width: Tokens each is padded to.
    """

    rows: npt.NDArray[np.int64]
    width: int


@dataclass(frozen=True)
class HeldOut:
    """N products that training never saw.

    Attributes:
        token_ids: one int64 array of token ids a product, cut but not padded.
        categories: the right category's number, int64 [N].
        tags: whether the product carries the tag, bool [N, T].
        sources: how many products come from which split.
        pad_token_id: what short rows are filled with.
    """

    token_ids: Sequence[npt.NDArray[np.int64]]
    categories: npt.NDArray[np.int64]
    tags: npt.NDArray[np.bool_]
    sources: dict[str, int]
    pad_token_id: int

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each product, int64 [N]."""
        return np.array([len(tokens) for tokens in self.token_ids], dtype=np.int64)

    def first(self, count: int) -> HeldOut:
        """The first products only."""
        return HeldOut(
            self.token_ids[:count], self.categories[:count], self.tags[:count], self.sources, self.pad_token_id
        )

    def batch(self, run: Run) -> TokenBatch:
        """Pad the products of a run: input_ids and attention_mask, int64 [B, L]."""
        ids = np.full((len(run.rows), run.width), self.pad_token_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(run.rows):
            tokens = self.token_ids[row]
            ids[place, : len(tokens)] = tokens
            mask[place, : len(tokens)] = 1
        return ids, mask


def load_held_out(
    catalog: Path, checkpoint: Checkpoint, count: int, splits: Sequence[str] = ("test", "validation")
) -> HeldOut:
    """Read products of a split, spread over it; where it has fewer than `count`, those of the next one fill up.

    Args:
        catalog: The prepared catalogue, build/catalog.
        checkpoint: Its tokenizer and taxonomy are used.
        count: Most products to read.
        splits: Where from, in this order.

    Raises:
        ExportError: The catalogue is missing or has no held-out product, was not the one trained on, or the
            tokenizer cuts texts in another way when it serves than it did in training.
    """
    examples: list[Example] = []
    sources = {}
    for split in splits:
        chosen = _spread(_read(catalog, split), count - len(examples))
        sources[split] = len(chosen)
        examples += chosen
    if not examples:
        raise ExportError(
            f"{catalog} has no product in its test or validation part, so nothing to compare the graphs on. "
            "Raise catalog.test_share, and run `make train`."
        )
    categories, tags = _labels(examples, checkpoint.taxonomy, catalog)
    return HeldOut(_tokenize(examples, checkpoint), categories, tags, sources, checkpoint.pad_token_id)


def score(products: HeldOut, scorer: Scorer, runs: Iterable[Run]) -> Scores:
    """Compute the outputs for all products, float32 [N, columns].

    Args:
        products: N products.
        scorer: What computes them.
        runs: The runs of the scorer; every row is in exactly one.
    """
    scores: Scores | None = None
    for run in runs:
        answer = scorer(*products.batch(run))
        if scores is None:
            scores = np.empty((len(products), answer.shape[1]), dtype=np.float32)
        scores[run.rows] = answer
    assert scores is not None, "there is always a product"
    return scores


def length_runs(products: HeldOut, size: int = 32) -> Iterator[Run]:
    """All products sorted by length and cut into batches of one size: the least padding."""
    lengths = products.lengths
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield Run(rows, int(lengths[rows].max()))


def _read(catalog: Path, split: str) -> list[Example]:
    try:
        return read_split(catalog, split)
    except PreparedCatalogError as error:
        raise ExportError(f"{error}. The parity gate compares the graphs on held-out products.") from None


def _spread(examples: list[Example], count: int) -> list[Example]:
    """At most `count` examples at equal distances: a catalogue's order may follow its categories."""
    if len(examples) <= count:
        return examples
    return [examples[place] for place in np.linspace(0, len(examples) - 1, count).astype(int)] if count else []


def _labels(
    examples: Sequence[Example], taxonomy: Taxonomy, catalog: Path
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    try:
        targets = taxonomy.layout.encode(examples)
    except UnknownLabel as error:
        raise ExportError(f"{error}: {catalog} has changed since training. Run `make train` again.") from None
    return targets[CATEGORY], targets[TAG].toarray()


def _tokenize(examples: Sequence[Example], checkpoint: Checkpoint) -> list[npt.NDArray[np.int64]]:
    """Token ids by the served tokenizer, compared with those of the trained one."""
    from transformers import AutoTokenizer  # takes seconds to import, which an up-to-date run can do without

    texts = [example.text for example in examples]
    served = [encoding.ids for encoding in checkpoint.tokenizer().encode_batch(texts)]
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path, local_files_only=True, use_fast=True)
    trained = tokenizer(texts, truncation=True, max_length=checkpoint.max_length)["input_ids"]
    for example, own, other in zip(examples, served, trained, strict=True):
        if own != other:
            raise ExportError(
                f"Product {example.id} becomes other tokens in serving ({own[:8]}…) than in training ({other[:8]}…): "
                f"{checkpoint.path / 'tokenizer.json'} and tokenizer_config.json contradict each other. "
                "Run `make train` again."
            )
    return [np.array(ids, dtype=np.int64) for ids in served]
