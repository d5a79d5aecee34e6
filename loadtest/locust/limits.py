"""The limits: which of them are broken, as sentences, and which load comes next to find out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadtest.locust.figures import Level
from loadtest.options import LoadOptions

CLOSE_ENOUGH = 1.05
"""A ramp ends when the lowest rate beyond the limits is at most so many times the highest within."""


def broken_at(level: Level, limits: LoadOptions) -> list[str]:
    """What one level breaks of the limits on p99 and errors; each kind of request must hold them."""
    found = []
    for one in level.kinds:
        place = f"{level.name} ({one.kind})"
        if one.error_share > limits.max_error_share:
            first = f"; the first got: {one.first_error}" if one.first_error else ""
            found.append(
                f"At {place} {one.errors} of {one.requests} requests failed, and --max-error-share is "
                f"{limits.max_error_share:g}{first}."
            )
        if one.p99_ms > limits.max_p99_ms:
            p99 = f"{one.p99_ms:.1f} ms" if math.isfinite(one.p99_ms) else "beyond measure, nothing was answered"
            found.append(f"At {place} p99 is {p99}, and --max-p99-ms is {limits.max_p99_ms:g}.")
    return found


def grown(level: Level, limits: LoadOptions) -> str:
    """How one level breaks the limit on the growth of the server's memory; empty where it doesn't, or can't be told."""
    memory = level.memory
    if memory is None or memory.share <= limits.max_memory_growth:
        return ""
    return (
        f"At {level.name} the server's memory grew by {memory.share:.2%}, from {memory.second_minute_mib:.1f} MiB in "
        f"the second minute to {memory.last_minute_mib:.1f} MiB in the last, and --max-memory-growth is "
        f"{limits.max_memory_growth:g}."
    )


def best_level(levels: Sequence[Level], limits: LoadOptions) -> Level | None:
    """The level with the most texts a second of those within the limits on p99 and errors; None where there is none."""
    within = [level for level in levels if not broken_at(level, limits)]
    return max(within, key=lambda level: level.figures[0].texts_per_second, default=None)


def broken_limits(levels: Sequence[Level], limits: LoadOptions) -> list[str]:
    """All limits a run breaks.

    A ramp goes beyond the limits to find them; there one level within them is enough.
    """
    best = best_level(levels, limits)
    found: list[str] = []
    if not levels:
        return ["No level was measured to its end: nothing can be said of the limits."]
    if limits.mode != "ramp":
        found = [sentence for level in levels for sentence in broken_at(level, limits)]
    elif best is None:
        lowest = min(levels, key=lambda level: level.load)
        found = [f"No rate was within the limits. {sentence}" for sentence in broken_at(lowest, limits)]
    found += [sentence for level in levels if (sentence := grown(level, limits))]
    speed = best.figures[0].texts_per_second if best is not None else 0.0
    if speed < limits.min_texts_per_second:
        found.append(
            f"The best level within the limits answered {speed:.1f} texts/s, and --min-texts-per-second is "
            f"{limits.min_texts_per_second:g}."
        )
    return found


def next_load(levels: Sequence[Level], options: LoadOptions) -> int | None:
    """Users, or arrivals a second, of the level after these; None where the run is over."""
    if options.mode == "ramp":
        return _next_rate(levels, options)
    loads = options.users if options.mode == "closed" else options.rates
    return loads[len(levels)] if len(levels) < len(loads) else None


def _next_rate(levels: Sequence[Level], options: LoadOptions) -> int | None:
    if not levels:
        return options.ramp_start
    if len(levels) >= options.ramp_levels:
        return None
    beyond = min((level.load for level in levels if broken_at(level, options)), default=None)
    if beyond is None:
        highest = max(level.load for level in levels)
        return max(highest + 1, round(highest * options.ramp_growth))
    within = max((level.load for level in levels if level.load < beyond), default=0)
    between = (within + beyond) // 2
    if between <= within or (within and beyond / within <= CLOSE_ENOUGH):
        return None
    return between
