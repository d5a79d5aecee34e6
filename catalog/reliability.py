"""How far stated probabilities lie from what is true: the calibration error that training and the export report."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BINS = 15


def expected_calibration_error(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> float:
    """The sum over bins of (share of the answers in the bin) · |mean confidence - share right|, 0 to 1.

    Args:
        confidence: Stated probabilities, float32 [N].
        right: Whether each came true, bool [N].
    """
    return float(sum(row["share"] * abs(row["confidence"] - row["right"]) for row in reliability(confidence, right)))


def reliability(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> list[dict[str, float]]:
    """For each of `BINS` equal bins of confidence that holds answers: their share, mean confidence, share right.

    Args:
        confidence: Stated probabilities, float32 [N].
        right: Whether each came true, bool [N].
    """
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    rows = []
    for number in np.unique(bins):
        inside = bins == number
        rows.append(
            {
                "share": float(inside.mean()),
                "confidence": float(confidence[inside].mean(dtype=np.float64)),
                "right": float(right[inside].mean()),
            }
        )
    return rows
