"""Which settings are to be served: the winner of the rounds at the end, or the default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.tune.candidates import Candidate
from loadtest.tune.trials import Limits, Result, Trial, results
from settings import TuneSettings

SAME = 1.05
"""Latencies that differ by no more than this factor count as the same on the frontier."""


@dataclass(frozen=True)
class Verdict:
    """What a tuning comes to.

    Attributes:
        winner: The candidate to serve; the default where nothing else was shown to be better.
        told: A sentence with the figures it rests on.
        limits: What candidates had to hold.
    """

    winner: Candidate
    told: str
    limits: Limits


def decide(trials: Sequence[Trial], default: Candidate, tune: TuneSettings) -> Verdict:
    """Chooses by the medians of the rounds.

    The winner holds the limits and is ahead of the default by more than the measurements of either of the two lie
    apart: less than that, the machine's noise could be. A default that breaks the limits itself loses to any that holds
    them.
    """
    found = [one for one in results(trials) if one.rounds or one.candidate == default]
    own = next(one for one in found if one.candidate == default)
    if own.figures is None:
        raise ValueError("the default has not been measured")
    limits = Limits.of(tune, own.figures)
    better = [
        one
        for one in found
        if one.candidate != default and not one.problem and one.figures and not limits.broken(one.figures)
    ]
    if not better:
        return Verdict(default, _none_within(own, limits, len(found) - 1), limits)
    best = max(better, key=_speed)
    gain = _speed(best) - _speed(own)
    spread = max(best.spread, own.spread)
    compared = f"{best.candidate.told(default)}: {_speed(best):.0f} texts/s, the default {_speed(own):.0f}"
    if limits.broken(own.figures) or own.problem:
        told = f"{compared}; but the default breaks a limit ({', '.join(limits.broken(own.figures)) or own.problem})."
        return Verdict(best.candidate, told, limits)
    if gain > spread:
        told = f"{compared} ({gain / _speed(own):+.1%}), more than the {spread:.0f} that the rounds lie apart."
        return Verdict(best.candidate, told, limits)
    told = (
        f"The default stays. The best beside it was {compared} ({gain / _speed(own):+.1%}), not more than the "
        f"{spread:.0f} that the rounds lie apart."
    )
    return Verdict(default, told, limits)


def drift(trials: Sequence[Trial], default: Candidate) -> float | None:
    """How much quicker the default was at the end than at the beginning, as a share; None without the two."""
    own = [one for one in trials if one.candidate == default and one.figures is not None]
    first = next((one.figures for one in own if one.stage == "first"), None)
    last = next((one.figures for one in own if one.stage == "again"), None)
    return None if first is None or last is None else last.texts_per_second / first.texts_per_second - 1


def frontier(found: Sequence[Result]) -> list[Result]:
    """The results beside which no other is quicker without being slower to answer, at all clients or at a single one.

    A twentieth of a latency is the machine's noise and doesn't count.

    Returns:
        The quickest first.
    """
    measured = [one for one in found if one.figures is not None and not one.problem]
    best = [one for one in measured if not any(_ahead(other, one) for other in measured)]
    return sorted(best, key=_speed, reverse=True)


def _ahead(one: Result, other: Result) -> bool:
    if one.figures is None or other.figures is None:
        return False
    return (
        one.figures.texts_per_second > other.figures.texts_per_second
        and one.figures.p99_ms <= SAME * other.figures.p99_ms
        and one.figures.single_p50_ms <= SAME * other.figures.single_p50_ms
    )


def _speed(result: Result) -> float:
    assert result.figures is not None
    return result.figures.texts_per_second


def _none_within(own: Result, limits: Limits, rivals: int) -> str:
    assert own.figures is not None
    broken = limits.broken(own.figures)
    also = f" It breaks a limit itself: {', '.join(broken)}." if broken else ""
    what = "None of those measured again held the limits." if rivals else "Nothing else held the limits."
    return f"The default stays. {what}{also}"
