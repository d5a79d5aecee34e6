"""The table beside the encoder: what tokens, and pairs of them, say of the labels by themselves.

An encoder knows what a word means, and forgets exact wordings; a linear model over n-grams is the other way round, and
they err on different products. So the model answers the sum of both, weighted on held-out products (`calibration`):
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
from sklearn.utils.extmath import randomized_svd
from tqdm import tqdm

from catalog.heads import CATEGORY, Layout
from settings import TrainingSettings
from training.data import EncodedExamples, EncodedTexts
from training.linear_machines import LinearMachines
from training.modeling_product_tagging import BertForProductTagging, pair_ids

logger = logging.getLogger(__name__)

BUCKETS = 131_072
"""Rows for pairs, where that many fit."""
FEWEST_BUCKETS = 8_192
SMALLEST_RANK = 32
LARGEST_TABLE_MIB = 64
"""Every process that serves the table holds it in memory."""
LARGEST_FIT_MIB = 2048
"""The machines' coefficients, one a label and n-gram, before they become a table."""
LARGEST_WORK = 50_000_000
"""Most products times labels that the machines are fitted on: some ten minutes on one core."""
REGULARIZATION = 3.0

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TableSize:
    """How large the table is.

    Attributes:
        buckets: B, rows for pairs; 0: there is no table.
        rank: R, columns; as many as there are labels, or fewer.
    """

    buckets: int
    rank: int


@dataclass(frozen=True)
class Ngrams:
    """Fitted machines, one a label, as a table.

    Attributes:
        buckets: B, rows for pairs.
        rarity: what an n-gram counts, float32 [V + B]; 0 for one that no training product has.
        rows: float32 [V + B, R].
        labels: float32 [C + T, R], what the columns say of the labels; None where the columns are the labels.
        offsets: float32 [C + T].
    """

    buckets: int
    rarity: Floats
    rows: Floats
    labels: Floats | None
    offsets: Floats

    def logits(self, examples: EncodedTexts) -> Floats:
        """Return the machines' margins, float32 [N, C + T]."""
        counts = count_ngrams(examples, len(self.rows) - self.buckets, self.buckets)
        sums: Floats = np.asarray(weighted(counts, self.rarity).astype(np.float32) @ self.rows)
        margins: Floats = (sums if self.labels is None else sums @ self.labels.T) + self.offsets
        return margins

    def put_into(self, model: BertForProductTagging, factors: Floats) -> None:
        """Make the model add these logits to its own.

        Args:
            model: gets the table.
            factors: what each label's logit is multiplied by, float32 [C + T].
        """
        rows = self.rows if self.labels is not None else self.rows * factors
        labels = None if self.labels is None else torch.from_numpy(self.labels * factors[:, np.newaxis])
        weights = self.rarity[:, np.newaxis]
        table = np.hstack([rows * weights, weights * weights])
        # Most of a vocabulary is never seen in a catalogue: those tokens share row 0, which says nothing.
        vocab_size = len(table) - self.buckets
        seen = np.flatnonzero(self.rarity[:vocab_size])
        row_of = np.zeros(vocab_size, dtype=np.int64)
        row_of[seen] = np.arange(1, len(seen) + 1)
        table = np.vstack([np.zeros_like(table[:1]), table[seen], table[vocab_size:]])
        offsets = torch.from_numpy(self.offsets * factors)
        model.set_ngrams(torch.from_numpy(row_of), torch.from_numpy(table), labels, offsets)


def table_size(settings: TrainingSettings, tokens: int, num_labels: int) -> TableSize:
    """Say how large a table fits.

    Args:
        settings: `ngram_buckets` may be `auto`.
        tokens: how many different ones the training products have.
        num_labels: C + T.
    """
    if settings.ngram_buckets != "auto":
        return TableSize(settings.ngram_buckets, num_labels if settings.ngram_buckets else 0)
    cells = LARGEST_TABLE_MIB * 2**20 // 4
    buckets = BUCKETS
    # Half as many columns as labels say no less than all of them (docs/experiments/ngram-table.md).
    while buckets > FEWEST_BUCKETS and cells // (tokens + 1 + buckets) - 1 < num_labels / 2:
        buckets //= 2
    rank = min(num_labels, cells // (tokens + 1 + buckets) - 1)
    of_machines = (tokens + buckets) * num_labels * 4 / 2**20
    if rank >= min(num_labels, SMALLEST_RANK) and of_machines <= LARGEST_FIT_MIB:
        return TableSize(buckets, rank)
    logger.info(
        "No n-gram table: with %s labels and %s tokens it would take too much memory to fit. "
        "training.ngram_buckets=%d makes it.", f"{num_labels:,}", f"{tokens:,}", FEWEST_BUCKETS,
    )  # fmt: skip
    return TableSize(0, 0)


def different_tokens(texts: EncodedTexts) -> int:
    """Return how many different tokens there are in texts."""
    return len(np.unique(texts.flat_ids))


def products_to_fit(num_labels: int) -> int:
    """Return on how many training products so many machines are fitted, at most."""
    return LARGEST_WORK // max(1, num_labels)


def fit_ngrams(train: EncodedExamples, layout: Layout, vocab_size: int, size: TableSize, seed: int) -> Ngrams:
    """Fit the machines on the training part.

    Args:
        train: tokens and labels.
        layout: the labels.
        vocab_size: V.
        size: B at least 1.
        seed: of the solver's shuffling.
    """
    counts = count_ngrams(train, vocab_size, size.buckets)
    rarity = _rarity(counts)
    there = np.flatnonzero(rarity)
    matrix = weighted(counts, rarity)[:, there]
    categories = len(layout.labels[CATEGORY])
    columns = tqdm(
        train.labels.columns(categories),
        desc="n-gram table",
        total=layout.width,
        unit="label",
        disable=None,
        leave=False,
    )
    machines = LinearMachines(REGULARIZATION, seed)
    machines.fit(matrix, columns, layout.width, train.labels.column_weights(categories))
    columns_of, labels = _fewer_columns(matrix, machines.coefficients, size.rank, seed)
    rows = np.zeros((len(rarity), columns_of.shape[1]), dtype=np.float32)
    rows[there] = columns_of
    return Ngrams(size.buckets, rarity, rows, labels, machines.intercepts)


def _fewer_columns(matrix: csr_matrix, coefficients: Floats, rank: int, seed: int) -> tuple[Floats, Floats | None]:
    """The coefficients in fewer columns, chosen so that the training products' margins change least.

    Returns:
        float32 [features, R], and what turns them into labels, float32 [labels, R].
    """
    if rank >= coefficients.shape[1]:
        return coefficients, None
    margins = np.asarray(matrix.astype(np.float32) @ coefficients)
    _, _, directions = randomized_svd(margins, rank, n_iter=4, random_state=seed)
    return coefficients @ directions.T, np.ascontiguousarray(directions.T, dtype=np.float32)


def count_ngrams(texts: EncodedTexts, vocab_size: int, buckets: int) -> csr_matrix:
    """Count what `NgramTable` sums up, float64 [N, V + B].

    Args:
        texts: N of them.
        vocab_size: V.
        buckets: B.
    """
    ids = texts.flat_ids.astype(np.int64)
    of_text = np.repeat(np.arange(len(texts)), texts.lengths)
    inside = np.ones(len(ids), dtype=np.bool_)
    inside[texts.ends[texts.lengths > 0] - 1] = False  # no pair begins with a text's last token
    lefts = np.flatnonzero(inside)
    pairs = pair_ids(ids[lefts], ids[lefts + 1], vocab_size, buckets)
    cells = np.concatenate([of_text, of_text[lefts]]), np.concatenate([ids, pairs])
    return csr_matrix((np.ones(len(ids) + len(pairs)), cells), shape=(len(texts), vocab_size + buckets))


def weighted(counts: csr_matrix, rarity: Floats) -> csr_matrix:
    """Return the features that the machines see, float64 [N, V + B]: rarer n-grams count more, each text is as long."""
    squared = counts @ (rarity.astype(np.float64) ** 2)
    matrix = counts.multiply(rarity).tocsr()
    matrix.data /= np.repeat(np.sqrt(np.maximum(squared, 1.0)), np.diff(matrix.indptr))
    return matrix


def _rarity(counts: csr_matrix) -> Floats:
    """Inverse document frequency as scikit-learn's TfidfVectorizer smooths it, at least 1; 0 where there is none."""
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    rarity = np.log((1 + counts.shape[0]) / (1 + frequency)) + 1
    return np.where(frequency > 0, rarity, 0.0).astype(np.float32)
