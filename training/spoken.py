"""Which languages are told one by one: a report of forty languages, most with a handful of products, tells nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

OTHER = "other"
"""All languages that are not told one by one."""
MOST_TOLD = 8
LEAST_SHARE = 0.01
"""A language of fewer products is joined with the others. Some short titles are taken for another language too."""


def join_rare(languages: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    """Return the languages of N products, with OTHER for those that are not told one by one.

    Args:
        languages: [N] of language codes.
    """
    counts = Counter(languages.tolist())
    told = {code for code, count in counts.most_common(MOST_TOLD) if count >= LEAST_SHARE * len(languages)}
    return np.array([code if code in told else OTHER for code in languages.tolist()], dtype=np.str_)
