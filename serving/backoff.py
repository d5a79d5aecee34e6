"""When something that ended is started again."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_S = 60.0
CALM_S = 60.0
"""What ran so long before it was lost is started again at once, and its earlier losses are forgotten."""


class Backoff:
    """At once the first time, then after 1, 2, 4 … seconds, never more than a minute, and without an end.

    Args:
        clock: Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._losses = 0
        self._ready_s: float | None = None
        self._next_s = 0.0

    def ready(self) -> None:
        """It runs."""
        self._ready_s = self._clock()

    def lost(self) -> float:
        """It ended, or could not be started; gives the seconds until it should be started again."""
        now = self._clock()
        if self._ready_s is not None and now - self._ready_s > CALM_S:
            self._losses = 0
        self._ready_s = None
        wait = min(LONGEST_S, 2.0 ** (self._losses - 1)) if self._losses else 0.0
        self._next_s = now + wait
        self._losses = min(self._losses + 1, 10)
        return wait

    def is_due(self) -> bool:
        """Whether the time has come to start it again."""
        return self._clock() >= self._next_s
