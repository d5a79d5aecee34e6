"""Chooses a system's setting by cross-validation on training products: folds, scores, and a bound on the work."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from training.thresholds import best_common_threshold

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Fit = Callable[[Rows, Rows], Floats]
"""Learns from some rows and returns the margins of others, float32 [rows, labels]."""
Score = Callable[[Floats, Rows], float]
"""How good the margins of some rows are; higher is better."""

FOLDS = 3
MANY = 50
"""So many categories are drawn among, in place of products."""


def folds(count: int, seed: int, number: int = FOLDS) -> Iterator[tuple[Rows, Rows]]:
    """Yield the rows to learn from and those to judge on, `number` times; each row is judged on once.

    Args:
        count: rows, at least 2.
        seed: of the order.
        number: of folds; fewer where there are fewer rows.
    """
    order = np.random.default_rng(seed).permutation(count)
    parts = np.array_split(order, max(2, min(number, count)))
    for place, held_out in enumerate(parts):
        yield np.concatenate([*parts[:place], *parts[place + 1 :]]), held_out


def out_of_fold(fit: Fit, count: int, labels: int, seed: int, number: int = FOLDS) -> Floats:
    """Return the margins of every row by machines that did not see it, float32 [count, labels]."""
    margins = np.zeros((count, labels), dtype=np.float32)
    for learnt, held_out in folds(count, seed, number):
        margins[held_out] = fit(learnt, held_out)
    return margins


def chosen_rows(categories: npt.NDArray[np.int64], share: float, seed: int) -> Rows:
    """Draw the rows to choose by, in their order.

    Args:
        categories: number of each row's category, [N].
        share: of the work of fitting all rows that one fit may take.
        seed: of the draw.

    Returns:
        All rows where the share allows it. Else, of many categories, all rows of some: a draw among all rows would
        leave each with a product or two, which choose another setting than many do. Of few categories some rows.
    """
    count = len(categories)
    if share >= 1 or count <= 2:
        return np.arange(count)
    random = np.random.default_rng(seed)
    present = np.unique(categories)
    if len(present) >= MANY:
        # Rows and labels both become fewer.
        kept = random.permutation(present)[: max(2, math.ceil(len(present) * math.sqrt(share)))]
        return np.flatnonzero(np.isin(categories, kept))
    return np.sort(random.permutation(count)[: max(2, math.ceil(count * share))])


def accuracy(categories: npt.NDArray[np.int64]) -> Score:
    """Score margins by the share of rows whose largest is the true category's, numbers [N]."""
    return lambda margins, rows: float((margins.argmax(axis=1) == categories[rows]).mean())


def micro_f1(tags: csr_matrix) -> Score:
    """Score margins by the micro-F1 of tags, sparse bool [N, T], at the one threshold that is best for all."""

    def score(margins: Floats, rows: Rows) -> float:
        true = tags[rows].toarray()
        given = margins >= best_common_threshold(margins, true)
        return float(2 * (given & true).sum() / max(1, given.sum() + true.sum()))

    return score
