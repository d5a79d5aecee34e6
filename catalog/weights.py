"""User behaviour (views, clicks, purchases) as a bounded sample weight.

A product that users act on more often than usual for the catalogue counts more in training, one they pass by counts
less. With e = clicks + PURCHASE_VALUE · purchases, and the catalogue's mean rate r = Σe / Σviews:

    lift   = ((e + PRIOR_VIEWS · r) / (views + PRIOR_VIEWS)) / r
    weight = min(MAX_WEIGHT, max(MIN_WEIGHT, √lift))

PRIOR_VIEWS is the smoothing: each product starts with that many views at the mean rate, so three clicks on ten views
don't make a favourite. The root keeps favourites from drowning the rest. A product without views weighs 1.0, and so
does every product of a catalogue without behaviour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PURCHASE_VALUE = 5.0
PRIOR_VIEWS = 100.0
MIN_WEIGHT = 0.5
MAX_WEIGHT = 2.0


def behaviour_weights(
    views: NDArray[np.float32], clicks: NDArray[np.float32], purchases: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Computes the sample weights of a catalogue; the formula stands at the top of this module.

    Args:
        views: [N]; NaN where unknown.
        clicks: [N]; NaN counts as 0.
        purchases: [N]; NaN counts as 0.

    Returns:
        [N] float32 within MIN_WEIGHT and MAX_WEIGHT.
    """
    weights = np.ones(len(views), dtype=np.float32)
    known = np.nan_to_num(views) > 0
    shown = views[known].astype(np.float64)
    events = np.nan_to_num(clicks[known].astype(np.float64))
    events += PURCHASE_VALUE * np.nan_to_num(purchases[known].astype(np.float64))
    if not known.any() or events.sum() <= 0:
        return weights
    rate = events.sum() / shown.sum()
    lift = (events + PRIOR_VIEWS * rate) / (shown + PRIOR_VIEWS) / rate
    weights[known] = np.clip(np.sqrt(lift), MIN_WEIGHT, MAX_WEIGHT)
    return weights
