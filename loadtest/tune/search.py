"""In which order candidates are measured within the time there is.

First the default. Then one setting after the other, from the best so far, each value measured briefly; what turns out
better is the new place to go on from. When nothing new is left, or only the time for the end is, the few best and the
default are measured again, longer and in turns, and at the very end the default once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from loadtest.tune.candidates import Candidate, Space
from loadtest.tune.trials import Limits, Stage, Trial
from settings import TuneSettings

STEP = 1.02
"""A candidate is the new place to go on from when it answers so many times what the best so far does."""
MOST_FOR_THE_END = 0.6
"""Share of the time that the end may take; where it would be more, there are fewer rounds."""
LATER_IS_LONGER = 2.0
"""How many times as long the measurements at the end are."""


class SearchError(RuntimeError):
    """There is nothing to compare with; the message says why."""


class Measure(Protocol):
    """Measures a candidate."""

    def __call__(self, candidate: Candidate, stage: Stage, seconds: float) -> Trial:
        """Serves it and puts load on it, for so many seconds of measured time; never raises for its faults."""
        ...


@dataclass
class Search:
    """The course of a tuning.

    Attributes:
        space: What there is to try.
        tune: How long, and how many at the end.
        measure: Measures a candidate.
        former: What an earlier tuning has found; it is tried right after the default.
        tell: Gets each trial, and the seconds that are left.
        stopped: Whether it is to end; asked before each measurement.
        clock: Seconds, from anywhere.
        trials: What was measured so far; kept when an interruption comes.
    """

    space: Space
    tune: TuneSettings
    measure: Measure
    former: Candidate | None = None
    tell: Callable[[Trial, float], None] = lambda trial, left: None
    stopped: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    trials: list[Trial] = field(default_factory=list)

    def run(self) -> None:
        """Measures until the time is over or there is nothing left to try.

        Raises:
            SearchError: The default itself can't be measured.
            KeyboardInterrupt: It was stopped.
        """
        self._end = self.clock() + 60 * self.tune.minutes
        default = self._try(self.space.default, "first")
        if default.figures is None or default.problem:
            raise SearchError(f"The settings as they are can't be measured: {default.problem}")
        self._limits = Limits.of(self.tune, default.figures)
        course = exploration(self.space, self._limits, default, self.former)
        try:
            candidate = next(course)
            while self._left() > self._reserve() + self._brief():
                candidate = course.send(self._try(candidate, "first"))
        except StopIteration:
            pass
        self._finish()

    def _finish(self) -> None:
        chosen = finalists(self.trials, self.space.default, self._limits, self.tune.finalists)
        if not chosen:
            return
        turns = [self.space.default, *chosen]
        for number in range(self.tune.rounds):
            if number and self._left() < self._long() * (len(turns) + 1):
                break
            for place in range(len(turns)):
                self._try(turns[(place + number) % len(turns)], "round")
        self._try(self.space.default, "again")

    def _try(self, candidate: Candidate, stage: Stage) -> Trial:
        if self.stopped():
            raise KeyboardInterrupt
        seconds = self.tune.seconds * (1.0 if stage == "first" else LATER_IS_LONGER)
        trial = self.measure(candidate, stage, seconds)
        self.trials.append(trial)
        self.tell(trial, max(0.0, self._left()))
        return trial

    def _left(self) -> float:
        return self._end - self.clock()

    def _brief(self) -> float:
        """What a short measurement takes, in seconds; the slowest so far, of those that came to their end."""
        return max(one.seconds for one in self.trials if one.stage == "first" and one.figures is not None)

    def _long(self) -> float:
        # At one client it is measured half as long.
        return self._brief() + (LATER_IS_LONGER - 1) * 1.5 * self.tune.seconds

    def _reserve(self) -> float:
        """Seconds that the end takes, or as much of them as it may."""
        end = self._long() * ((self.tune.finalists + 1) * self.tune.rounds + 1)
        return min(end, MOST_FOR_THE_END * 60 * self.tune.minutes)


def exploration(
    space: Space, limits: Limits, default: Trial, former: Candidate | None = None
) -> Generator[Candidate, Trial, None]:
    """Gives one candidate after the other, and wants to hear of each what was found; none comes twice.

    Args:
        space: What there is to try.
        limits: What the place to go on from must hold.
        default: The default's trial.
        former: A candidate to begin with.
    """
    seen = {default.candidate}
    best = default
    if former is not None and former not in seen:
        seen.add(former)
        best = _better(best, (yield former), limits)
    news = True
    while news:
        news = False
        for axis in space.axes:
            base = best.candidate
            for candidate in space.around(base, axis):
                if candidate not in seen:
                    seen.add(candidate)
                    news = True
                    best = _better(best, (yield candidate), limits)


def finalists(trials: Sequence[Trial], default: Candidate, limits: Limits, count: int) -> list[Candidate]:
    """The candidates that are worth a second look: the quickest within the limits, the default left out."""
    good = [
        (one.figures.texts_per_second, one.candidate)
        for one in trials
        if one.candidate != default and not one.problem and one.figures and not limits.broken(one.figures)
    ]
    ordered = sorted(good, key=lambda pair: pair[0], reverse=True)
    return [candidate for _, candidate in ordered[:count]]


def _better(best: Trial, trial: Trial, limits: Limits) -> Trial:
    if trial.problem or trial.figures is None or best.figures is None or limits.broken(trial.figures):
        return best
    if limits.broken(best.figures) or trial.figures.texts_per_second > STEP * best.figures.texts_per_second:
        return trial
    return best
