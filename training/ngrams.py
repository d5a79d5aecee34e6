"""The table beside the encoder: what tokens, and pairs of them, say of the labels by themselves.

An encoder knows what a word means, and forgets exact wordings; a linear model over n-grams is the other way round, and
they err on different products. So the model answers the sum of both, weighted on the validation part (`calibration`):
wide and deep, as Cheng et al. call it ("Wide & Deep Learning for Recommender Systems", DLRS 2016). The machines are
fitted by themselves, on the training part, so that neither half leans on the other. The gain:
docs/experiments/ngram-table.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix
from tqdm import tqdm

from catalog.heads import CATEGORY, Layout
from settings import TrainingSettings
from training.data import EncodedExamples
from training.linear_machines import LinearMachines
from training.modeling_product_tagging import BertForProductTagging, pair_ids

logger = logging.getLogger(__name__)

BUCKETS = 32_768
"""Rows for pairs. Half or twice as many differ no more than by chance (docs/experiments/ngram-table.md)."""
LARGEST_TABLE_MIB = 128
"""`auto` leaves the table out beyond: every process that serves it holds it in memory."""
LARGEST_WORK = 50_000_000
"""Most products times labels that the machines are fitted on: some ten minutes on one core."""
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


def products_to_fit(num_labels: int) -> int:
    """Return on how many training products so many machines are fitted, at most."""
    return LARGEST_WORK // max(1, num_labels)


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
        train.labels.columns(len(layout.labels[CATEGORY])),
        desc="n-gram table",
        total=layout.width,
        unit="label",
        disable=None,
        leave=False,
    )
    machines.fit(_features(train, vocab_size, buckets), columns, layout.width, train.labels.weight)
    return Ngrams(buckets, machines.coefficients, machines.intercepts)


def _features(examples: EncodedExamples, vocab_size: int, buckets: int) -> csr_matrix:
    """What `NgramTable` sums up: 1 ÷ √(a text's n-grams) for each of them, float64 [N, V + B]."""
    ids, ends = examples.flat_ids.astype(np.int64), np.concatenate([[0], examples.ends])
    inside = np.ones(len(ids), dtype=np.bool_)
    inside[examples.ends[examples.lengths > 0] - 1] = False  # no pair begins with a text's last token
    lefts = np.flatnonzero(inside)
    pairs = pair_ids(ids[lefts], ids[lefts + 1], vocab_size, buckets)
    counts = np.maximum(examples.lengths - 1, 0)
    values = 1 / np.sqrt(np.maximum(examples.lengths + counts, 1))
    shape = (len(examples), vocab_size + buckets)
    matrix = csr_matrix((np.repeat(values, examples.lengths), ids, ends), shape=shape)
    matrix += csr_matrix((np.repeat(values, counts), pairs, np.concatenate([[0], np.cumsum(counts)])), shape=shape)
    matrix.sum_duplicates()
    return matrix
