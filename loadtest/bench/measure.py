"""Rounds in which all that is measured takes turns, and what each measurement found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, order=True)
class Load:
    """How something is asked.

    Attributes:
        clients: How many ask at once; in process, how many processes compute.
        texts: Texts in a request; in process, in a batch.
    """

    clients: int
    texts: int = 1

    def __str__(self) -> str:
        return f"{self.clients}" if self.texts == 1 else f"{self.clients} × {self.texts}"


@dataclass(frozen=True)
class Round:
    """One measurement.

    Attributes:
        texts_per_second: Answered texts.
        p50_ms: Half of the requests took at most so long.
        p99_ms: 99 % did.
        cpu_ms: What the processes computed for one text.
        generator_cpu_ms: What the load generator did.
        errors: Requests that were not answered.
        first_error: What the first of them got instead.
        rss_mib: Memory of the processes right after the measured time, shared memory counted for each of them.
        pss_mib: The same, shared memory counted once.
    """

    texts_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    generator_cpu_ms: float
    errors: int
    first_error: str
    rss_mib: float
    pss_mib: float


@dataclass(frozen=True)
class Series:
    """All rounds of one contestant under one load."""

    name: str
    load: Load
    rounds: tuple[Round, ...]

    def values(self, column: str) -> list[float]:
        """One column of the rounds."""
        return [float(getattr(one, column)) for one in self.rounds]

    def median(self, column: str) -> float:
        """The middle of one column."""
        return float(np.median(self.values(column)))

    @property
    def errors(self) -> int:
        """Requests of all rounds that were not answered."""
        return sum(one.errors for one in self.rounds)


class Measurable(Protocol):
    """What is measured."""

    @property
    def name(self) -> str:
        """What it is called in the report."""
        ...

    def run(self, load: Load) -> Round:
        """Measures it once."""
        ...


@dataclass(frozen=True)
class Turn:
    """One measurement that each round has."""

    contestant: Measurable
    load: Load


def measure(
    stages: Sequence[Sequence[Turn]], rounds: int, tell: Callable[[str], None] = lambda line: None
) -> list[Series]:
    """Measures every turn so many times.

    A round goes through the stages; the turns of a stage follow each other, so that what the machine does beside it
    falls on all of them, and each round begins with another of them.

    Args:
        stages: What is to be compared with each other, together.
        rounds: How many.
        tell: Gets a line on each measurement.

    Returns:
        A series a turn, in the order of the stages.

    Raises:
        LoadtestError: A measurement failed.
    """
    found: dict[Turn, list[Round]] = {turn: [] for stage in stages for turn in stage}
    for number in range(rounds):
        for stage in stages:
            first = number % max(1, len(stage))
            for turn in [*stage[first:], *stage[:first]]:
                result = turn.contestant.run(turn.load)
                found[turn].append(result)
                tell(
                    f"round {number + 1}/{rounds}, {turn.load}, {turn.contestant.name}: "
                    f"{result.texts_per_second:.0f} texts/s, p50 {result.p50_ms:.1f} ms, "
                    f"CPU {result.cpu_ms:.2f} ms a text"
                )
    return [Series(turn.contestant.name, turn.load, tuple(results)) for turn, results in found.items()]
