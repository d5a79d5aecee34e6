"""The table beside the encoder: what tokens, and pairs of them, say of the labels by themselves.

An encoder knows what a word means, and forgets exact wordings; a linear model over n-grams is the other way round, and
they err on different products. So the model answers the sum of both, weighted on the validation part (`calibration`):
wide and deep, as Cheng et al. call it ("Wide & Deep Learning for Recommender Systems", DLRS 2016). The machines are
fitted by themselves, on the training part, so that neither half leans on the other. The gain:
docs/experiments/ngram-table.md.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix
from tqdm import tqdm

from catalog.heads import CATEGORY, TAG, Layout
from settings import TrainingSettings
from training.data import EncodedExamples
from training.linear_machines import LinearMachines
from training.modeling_product_tagging import BertForProductTagging, pair_ids

logger = logging.getLogger(__name__)

BUCKETS = 32_768
"""Rows for pairs. Half or twice as many differ no more than by chance (docs/experiments/ngram-table.md)."""
LARGEST_TABLE_MIB = 128
"""`auto` leaves the table out beyond: every process that serves it holds it in memory."""
REGULARIZATION = 1.0


@dataclass(frozen=True)
class Ngrams:
    """Fitted machines, one a label.

    Attributes:
        buckets: B, rows for pairs.
        rows: float32 [V + B, C + T].
        offsets: float32 [C + T].
    """

    buckets: int
    rows: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]

    def logits(self, examples: EncodedExamples) -> npt.NDArray[np.float32]:
        """Return the machines' margins, float32 [N, C + T]."""
        features = _features(examples, len(self.rows) - self.buckets, self.buckets)
        margins: npt.NDArray[np.float32] = np.asarray(features @ self.rows + self.offsets, dtype=np.float32)
        return margins

    def put_into(self, model: BertForProductTagging, factors: npt.NDArray[np.float32]) -> None:
        """Make the model add these logits to its own.

        Args:
            model: gets the table; its head's biases take the offsets.
            factors: what each label's logit is multiplied by, float32 [C + T].
        """
        model.set_ngrams(torch.from_numpy(self.rows * factors), self.buckets)
        with torch.no_grad():
            model.classifier.bias.add_(torch.from_numpy(self.offsets * factors))


def buckets_for(settings: TrainingSettings, vocab_size: int, num_labels: int) -> int:
    """Say how many rows pairs get; 0: no table.

    Args:
        settings: `ngram_buckets` may be `auto`.
        vocab_size: V.
        num_labels: C + T.
    """
    if settings.ngram_buckets != "auto":
        return settings.ngram_buckets
    mib = (vocab_size + BUCKETS) * num_labels * 4 / 2**20
    if mib <= LARGEST_TABLE_MIB:
        return BUCKETS
    logger.info(
        "No n-gram table: with %d labels and %s tokens it would take %.0f MiB. training.ngram_buckets=%d makes it.",
        num_labels, f"{vocab_size:,}", mib, BUCKETS,
    )  # fmt: skip
    return 0


def fit_ngrams(train: EncodedExamples, layout: Layout, vocab_size: int, buckets: int, seed: int) -> Ngrams:
    """Fit the machines on the training part.

    Args:
        train: tokens and labels.
        layout: the columns of the table.
        vocab_size: V.
        buckets: B.
        seed: of the solver's shuffling.
    """
    machines = LinearMachines(REGULARIZATION, seed)
    columns = tqdm(
        _columns(train, layout),
        desc="n-gram table",
        total=layout.width,
        unit="label",
        disable=None,
        leave=False,
    )
    machines.fit(_features(train, vocab_size, buckets), columns, layout.width, train.labels.weight)
    return Ngrams(buckets, machines.coefficients, machines.intercepts)


def _columns(examples: EncodedExamples, layout: Layout) -> Iterator[npt.NDArray[np.bool_]]:
    for category in range(len(layout.labels[CATEGORY])):
        yield examples.labels.category == category
    for tag in range(len(layout.labels[TAG])):
        yield examples.labels.tags[:, tag] > 0


def _features(examples: EncodedExamples, vocab_size: int, buckets: int) -> csr_matrix:
    """What `NgramTable` sums up: 1 ÷ √(a text's n-grams) for each of them, float64 [N, V + B]."""
    tokens = [examples.token_ids(row).astype(np.int64) for row in range(len(examples))]
    ngrams = [np.concatenate([ids, pair_ids(ids[:-1], ids[1:], vocab_size, buckets)]) for ids in tokens]
    counts = np.array([len(one) for one in ngrams], dtype=np.int64)
    ends = np.concatenate([[0], np.cumsum(counts)])
    numbers = np.concatenate(ngrams) if ngrams else np.zeros(0, dtype=np.int64)
    values = np.repeat(1 / np.sqrt(counts), counts)
    matrix = csr_matrix((values, numbers, ends), shape=(len(ngrams), vocab_size + buckets))
    matrix.sum_duplicates()
    return matrix
