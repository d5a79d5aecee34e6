"""What was found of a candidate, the limits it must hold, and what several measurements of it say together."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.tune.candidates import Candidate
from settings import TuneSettings

Stage = Literal["first", "round", "again"]


@dataclass(frozen=True)
class Figures:
    """One measurement; times in milliseconds.

    Attributes:
        texts_per_second: What all clients got together.
        p50_ms: Half of their requests took at most so long.
        p99_ms: 99 % did.
        single_p50_ms: Half of the requests of a client that is alone took at most so long.
        cpu_ms: What the server's processes computed for one text, at all clients.
    """

    texts_per_second: float
    p50_ms: float
    p99_ms: float
    single_p50_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Trial:
    """One measurement of a candidate, or why there is none.

    Attributes:
        candidate: The settings.
        stage: `first`; `round`, one of those at the end; `again`, the default's once more, after all else.
        seconds: What it took in all, the server's start and end included.
        figures: What was measured; None where nothing could be.
        problem: Why it is out of the question: the server didn't start, or requests failed; empty where it isn't.
    """

    candidate: Candidate
    stage: Stage
    seconds: float
    figures: Figures | None = None
    problem: str = ""


@dataclass(frozen=True)
class Limits:
    """What a candidate must hold.

    Attributes:
        p99_ms: Most at all clients.
        single_p50_ms: Most of a client that is alone.
    """

    p99_ms: float
    single_p50_ms: float

    @classmethod
    def of(cls, tune: TuneSettings, default: Figures) -> Limits:
        """The limits, one of which is in terms of what the default settings reach."""
        return cls(tune.max_p99_ms, tune.max_single_growth * default.single_p50_ms)

    def broken(self, figures: Figures) -> list[str]:
        """Those that are broken, as a table tells them."""
        found = []
        if figures.p99_ms > self.p99_ms:
            found.append(f"p99 over {self.p99_ms:g} ms")
        if figures.single_p50_ms > self.single_p50_ms:
            found.append(f"a single client waits more than {self.single_p50_ms:.1f} ms")
        return found


@dataclass(frozen=True)
class Result:
    """A candidate's measurements together.

    Attributes:
        candidate: The settings.
        figures: Medians; None where it has none.
        speeds: Texts a second of each measurement that the medians are of.
        problem: See Trial.
        rounds: Whether they are those of the rounds at the end.
    """

    candidate: Candidate
    figures: Figures | None
    speeds: tuple[float, ...]
    problem: str
    rounds: bool

    @property
    def spread(self) -> float:
        """Texts a second between its quickest and its slowest measurement."""
        return max(self.speeds) - min(self.speeds) if self.speeds else 0.0


def results(trials: Sequence[Trial]) -> list[Result]:
    """A result a candidate, in the order in which they were first tried.

    Where a candidate was in the rounds at the end, those count and not its first measurement, which was shorter and at
    another time. A problem in any of them puts it out of the question.
    """
    return [_result([one for one in trials if one.candidate == candidate]) for candidate in _distinct(trials)]


def _distinct(trials: Iterable[Trial]) -> list[Candidate]:
    return list(dict.fromkeys(one.candidate for one in trials))


def _result(trials: Sequence[Trial]) -> Result:
    late = [one for one in trials if one.stage != "first"]
    found = [one.figures for one in late or trials if one.figures is not None]
    figures = None
    if found:
        figures = Figures(
            **{name: statistics.median(getattr(one, name) for one in found) for name in Figures.__dataclass_fields__}
        )
    return Result(
        candidate=trials[0].candidate,
        figures=figures,
        speeds=tuple(one.texts_per_second for one in found),
        problem=next((one.problem for one in trials if one.problem), ""),
        rounds=any(one.stage == "round" for one in trials),
    )
