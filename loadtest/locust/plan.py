"""Which load comes next: the levels in turn, or the search for the highest rate within the limits."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.locust.figures import Level
from loadtest.locust.limits import broken_at
from loadtest.options import LoadOptions

CLOSE_ENOUGH = 1.05
"""A ramp ends when the lowest rate beyond the limits is at most so many times the highest within."""


def next_load(levels: Sequence[Level], settings: LoadOptions) -> int | None:
    """Users, or arrivals a second, of the level after these; None where the run is over."""
    if settings.mode == "ramp":
        return _next_rate(levels, settings)
    loads = settings.users if settings.mode == "closed" else settings.rates
    return loads[len(levels)] if len(levels) < len(loads) else None


def _next_rate(levels: Sequence[Level], settings: LoadOptions) -> int | None:
    if not levels:
        return settings.ramp_start
    if len(levels) >= settings.ramp_levels:
        return None
    beyond = min((level.load for level in levels if broken_at(level, settings)), default=None)
    if beyond is None:
        highest = max(level.load for level in levels)
        return max(highest + 1, round(highest * settings.ramp_growth))
    within = max((level.load for level in levels if level.load < beyond), default=0)
    between = (within + beyond) // 2
    if between <= within or (within and beyond / within <= CLOSE_ENOUGH):
        return None
    return between
