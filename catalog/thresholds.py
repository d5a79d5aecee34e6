"""The probability from which a tag is given, chosen tag by tag on the validation part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from catalog.baseline import best_threshold

MIN_POSITIVES = 5
"""A tag with fewer positives in the validation part takes the common threshold: too few to choose one by."""
DEFAULT_THRESHOLD = 0.5


def choose_thresholds(
    probabilities: npt.NDArray[np.float32], tags: npt.NDArray[np.bool_], min_positives: int = MIN_POSITIVES
) -> npt.NDArray[np.float32]:
    """Choose the threshold of each tag that gives it the highest F1.

    Args:
        probabilities: [N, T] of the validation part.
        tags: bool [N, T], which example carries which tag.
        min_positives: examples a tag needs for a threshold of its own.

    Returns:
        float32 [T]; `DEFAULT_THRESHOLD` everywhere where no example carries a tag.
    """
    common = best_common_threshold(probabilities, tags)
    thresholds = np.full(tags.shape[1], common, dtype=np.float32)
    for column in np.flatnonzero(tags.sum(axis=0) >= min_positives):
        thresholds[column] = best_threshold(probabilities[:, column], tags[:, column])
    return thresholds


def best_common_threshold(probabilities: npt.NDArray[np.float32], tags: npt.NDArray[np.bool_]) -> float:
    """Choose the one threshold for all tags that gives the highest micro-F1, probabilities and tags [N, T]."""
    if not tags.any():
        return DEFAULT_THRESHOLD
    return best_threshold(probabilities.ravel(), tags.ravel())
