"""How many features a linear model over words can take in a bounded memory: counted before anything large is made."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

LARGEST_MIB = 2048
"""Most memory that the features and their coefficients may take."""
LARGEST_WORK = 2_000_000_000
"""Most features of products times labels. Each of these takes 0.2 to 0.5 µs to fit, all together about ten minutes."""
MIN_PRODUCTS = (1, 2, 3, 5, 10)
"""Products in which a feature has to occur, tried in this order: words of one product help, where there is room."""

_BUCKETS = 1 << 24
_FEATURE_BYTES = 160
"""A feature's entry in the vocabulary: the text itself, the dictionary's slot, the inverse document frequency."""
_POSTING_BYTES = 36
"""A feature of a product: 12 bytes in the matrix, 16 in the solver's copy of it, 8 while the matrix is built."""
_MIB = 2**20

Features = Callable[[str], Iterable[str]]


class TooLargeError(TrainingError):
    """The features don't fit into the memory that they may take."""


@dataclass(frozen=True)
class BoundedFeatures:
    """The features of a text, without those that too few products have.

    Attributes:
        features: gives all features of a text.
        min_products: in how many products a feature has to occur.
        products: products by hash of a feature, int32 [buckets]; features that share a hash are counted together, so
            that a rare one may stay.
    """

    features: Features
    min_products: int
    products: NDArray[np.int32]

    def __call__(self, text: str) -> Iterator[str]:
        """Yield the features of a text that are kept, each as often as it occurs."""
        if self.min_products == 1:
            yield from self.features(text)
            return
        for feature in self.features(text):
            if self.products[_bucket(feature)] >= self.min_products:
                yield feature


def bounded_features(
    texts: Sequence[str], features: Features, columns: int, largest_mib: float = LARGEST_MIB
) -> BoundedFeatures:
    """Choose which features are kept: as many as fit.

    Args:
        texts: those that the model learns from.
        features: gives all features of a text.
        columns: labels, for each of which every feature gets a coefficient.
        largest_mib: memory that they may take, in MiB.

    Raises:
        TooLargeError: Even the features of ten products and more don't fit, or they would take hours to learn from.
    """
    _check_work(len(texts), columns)  # a word a product at least: without counting them where that is too many already
    products = np.zeros(_BUCKETS, dtype=np.int32)
    for text in texts:
        found = {_bucket(feature) for feature in features(text)}
        products[list(found)] += 1
    for least in MIN_PRODUCTS:
        kept = products[products >= least]
        mib = (len(kept) * (columns * 4 + _FEATURE_BYTES) + int(kept.sum()) * _POSTING_BYTES) / _MIB
        if mib <= largest_mib:
            _check_work(int(kept.sum()), columns)
            return BoundedFeatures(features, least, products)
    raise TooLargeError(
        f"{len(kept):,} words and pairs of words for {columns:,} labels would take {mib:,.0f} MiB of memory, more than "
        f"the {largest_mib:,.0f} it may take"
    )


def _check_work(postings: int, columns: int) -> None:
    if postings * columns > LARGEST_WORK:
        raise TooLargeError(
            f"{postings:,} words of products or more for {columns:,} labels would take "
            f"{postings * columns / LARGEST_WORK:,.1f} times as long to learn from as it may take, about ten minutes"
        )


def _bucket(feature: str) -> int:
    # Not Python's own hash, which is another one in every process.
    return zlib.crc32(feature.encode("utf-8", "replace")) % _BUCKETS
