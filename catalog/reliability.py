"""How far stated probabilities lie from what is true: the calibration error that training and the export report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 15


@dataclass(frozen=True)
class Tally:
    """Stated probabilities counted by `BINS` equal bins, for each of N products.

    Attributes:
        count: How many there are, int32 [N, BINS].
        stated: Their sum, float64 [N, BINS].
        right: How many came true, int32 [N, BINS].
    """

    count: npt.NDArray[np.int32]
    stated: npt.NDArray[np.float64]
    right: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, products: int) -> Tally:
        """Nothing counted yet for N products."""
        shape = (products, BINS)
        return cls(np.zeros(shape, np.int32), np.zeros(shape), np.zeros(shape, np.int32))

    @classmethod
    def of(cls, confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> Tally:
        """Counts stated probabilities, float32 [N, K], and whether each came true, bool [N, K]."""
        rows = len(confidence)
        bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
        places = (bins + BINS * np.arange(rows)[:, None]).ravel()

        def summed(places: npt.NDArray[np.int64], values: npt.NDArray[np.float32] | None = None) -> npt.NDArray[Any]:
            return np.bincount(places, values, minlength=rows * BINS).reshape(rows, BINS)

        return cls(
            summed(places).astype(np.int32),
            summed(places, confidence.ravel()),
            summed(places[right.ravel()]).astype(np.int32),
        )

    def put(self, rows: npt.NDArray[np.int64], tally: Tally) -> None:
        """Puts the counts of some products in their places."""
        self.count[rows], self.stated[rows], self.right[rows] = tally.count, tally.stated, tally.right

    def select(self, rows: npt.NDArray[np.bool_]) -> Tally:
        """The counts of some of the products, bool [N]."""
        return Tally(self.count[rows], self.stated[rows], self.right[rows])

    def rows(self) -> list[dict[str, float]]:
        """For each bin that holds any, of all products together: their share, mean, and the share that came true."""
        count, stated, right = (values.sum(axis=0) for values in (self.count, self.stated, self.right))
        total = int(count.sum())
        return [
            {
                "share": float(count[number] / total),
                "confidence": float(stated[number] / count[number]),
                "right": float(right[number] / count[number]),
            }
            for number in np.flatnonzero(count)
        ]

    def error(self) -> float:
        """The expected calibration error: the sum over bins of share · |mean confidence - share right|, 0 to 1."""
        return float(sum(row["share"] * abs(row["confidence"] - row["right"]) for row in self.rows()))


def expected_calibration_error(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> float:
    """The calibration error of one list of answers; see `Tally.error`.

    Args:
        confidence: Stated probabilities, float32 [N].
        right: Whether each came true, bool [N].
    """
    return Tally.of(confidence[None, :], right[None, :]).error()


def reliability(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> list[dict[str, float]]:
    """For each bin of confidence that holds answers: their share, mean confidence, share right.

    Args:
        confidence: Stated probabilities, float32 [N].
        right: Whether each came true, bool [N].
    """
    return Tally.of(confidence[None, :], right[None, :]).rows()
