"""Rounds of load on servers that take turns, and what they cost."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from loadtest.bench.load import Job, Outcome

WARM_UP_SECONDS = 1.5
SOURCES = Path(__file__).resolve().parents[2]


class BenchError(RuntimeError):
    """The benchmark can't be run; the message says why and what to do."""


@dataclass(frozen=True)
class System:
    """A server and how it is asked.

    Attributes:
        name: What it is called in the report.
        api: See Job.
        port: Where it listens.
        process: The server's process; its children count as well.
    """

    name: str
    api: str
    port: int
    process: int


@dataclass(frozen=True)
class Round:
    """One measurement.

    Attributes:
        texts_per_second: Answered requests of one text each.
        p50_ms: Half of the requests took at most so long.
        p99_ms: 99 % did.
        cpu_ms: What the server's processes computed for one text.
        generator_cpu_ms: What the load generator did.
        errors: Requests that were not answered.
        first_error: What the first of them got instead.
    """

    texts_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    generator_cpu_ms: float
    errors: int
    first_error: str


@dataclass(frozen=True)
class Series:
    """All rounds of one system at one number of clients."""

    system: str
    clients: int
    rounds: tuple[Round, ...]

    def values(self, name: str) -> list[float]:
        """One column of the rounds."""
        return [float(getattr(one, name)) for one in self.rounds]

    def median(self, name: str) -> float:
        """The middle of one column."""
        return float(np.median(self.values(name)))

    @property
    def errors(self) -> int:
        """Requests of all rounds that were not answered."""
        return sum(one.errors for one in self.rounds)


def measure(
    systems: Sequence[System],
    texts: Sequence[str],
    clients: Sequence[int],
    seconds: float,
    rounds: int,
    tell: Callable[[str], None],
) -> list[Series]:
    """Measures every system at every number of clients, so many times.

    The systems take turns, so that what the machine does beside it falls on all; each round begins with another.

    Args:
        systems: The servers; all of them run all the time.
        texts: What is sent.
        clients: Numbers of clients.
        seconds: Measured time of each measurement.
        rounds: How many of each.
        tell: Gets a line on each measurement.

    Raises:
        BenchError: A server answers nothing, or the load generator fails.
    """
    found: dict[tuple[str, int], list[Round]] = {(system.name, n): [] for n in clients for system in systems}
    for number in range(rounds):
        for count in clients:
            for system in _rotated(systems, number):
                job = Job(system.api, system.port, count, WARM_UP_SECONDS, seconds, texts)
                result = run_job(job, system)
                found[system.name, count].append(result)
                tell(
                    f"round {number + 1}/{rounds}, {count:>2} clients, {system.name}: "
                    f"{result.texts_per_second:.0f} texts/s, p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms"
                )
    return [Series(name, count, tuple(results)) for (name, count), results in found.items()]


def run_job(job: Job, system: System) -> Round:
    """One measurement.

    Raises:
        BenchError: No request was answered, or the load generator failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(
        [sys.executable, "-m", "loadtest.bench.load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        encoding="utf-8",
    ) as generator:
        assert generator.stdin is not None and generator.stdout is not None
        try:
            json.dump(dataclasses.asdict(job), generator.stdin)
            generator.stdin.close()
            _expect("begin", generator.stdout)
            before = cpu_seconds(system.process)
            _expect("end", generator.stdout)
            spent = cpu_seconds(system.process) - before
            outcome = Outcome(**json.loads(next(generator.stdout, "")))
        except BaseException as error:
            generator.kill()
            if isinstance(error, BrokenPipeError | ValueError):
                raise BenchError(f"the load generator ended before its time ({error})") from None
            raise
    count = len(outcome.latencies)
    if not count:
        raise BenchError(f"{system.name} answered no request. {outcome.errors} got: {outcome.first_error}")
    p50, p99 = np.percentile(outcome.latencies, [50, 99]) * 1000
    return Round(
        texts_per_second=count / outcome.seconds,
        p50_ms=float(p50),
        p99_ms=float(p99),
        cpu_ms=1000 * spent / count,
        generator_cpu_ms=1000 * outcome.cpu_seconds / count,
        errors=outcome.errors,
        first_error=outcome.first_error,
    )


def cpu_seconds(pid: int) -> float:
    """What a process and those it has started have computed so far."""
    try:
        parent = psutil.Process(pid)
        processes = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        raise BenchError("the server ended while it was measured") from None
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _expect(word: str, lines: Iterator[str]) -> None:
    line = next(lines, "").strip()
    if line != word:
        raise ValueError(f"it said {line!r}")


def _rotated(systems: Sequence[System], by: int) -> list[System]:
    return [systems[(place + by) % len(systems)] for place in range(len(systems))]
