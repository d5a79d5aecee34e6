"""One measurement: load generators are started, and what they and a server's processes computed is read."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest.bench.load import Job, Outcome
from loadtest.bench.measure import Load, Round
from loadtest.bench.processes import Stillness, cpu_seconds, memory
from loadtest.errors import LoadtestError

SOURCES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, eq=False)
class Contestant:
    """A server and how it is asked, or the model without a server.

    Attributes:
        name: What it is called in the report.
        job: What all its measurements have in common.
        process: The server's process, whose children count as well; None for the model without a server, which the
            load generators themselves compute.
        stillness: Keeps the server still while it isn't asked; None for one that may run all the time.
    """

    name: str
    job: Job
    process: int | None = None
    stillness: Stillness | None = None

    def run(self, load: Load) -> Round:
        """Measures it under a load.

        Raises:
            LoadtestError: It answered no request or ended, or a load generator failed.
        """
        count = load.clients if self.process is None else 1
        jobs = [
            dataclasses.replace(self.job, clients=load.clients // count, texts_each=load.texts, share=(number, count))
            for number in range(count)
        ]
        with contextlib.ExitStack() as stack:
            if self.stillness is not None:
                stack.enter_context(self.stillness.awake())
            generators = [stack.enter_context(Generator(self.name)) for _ in jobs]
            for one, job in zip(generators, jobs, strict=True):
                one.tell(json.dumps(dataclasses.asdict(job)))
            for one in generators:
                one.expect("ready")
            for one in generators:
                one.tell("go")
            for one in generators:
                one.expect("begin")
            before = cpu_seconds(self.process) if self.process else 0.0
            for one in generators:
                one.expect("end")
            spent = cpu_seconds(self.process) - before if self.process else 0.0
            held = [memory(pid) for pid in ([self.process] if self.process else [one.pid for one in generators])]
            outcomes = [one.outcome() for one in generators]
        return self._round(load, outcomes, spent, sum(one.rss_mib for one in held), sum(one.pss_mib for one in held))

    def _round(self, load: Load, outcomes: Sequence[Outcome], spent: float, rss_mib: float, pss_mib: float) -> Round:
        latencies = [seconds for one in outcomes for seconds in one.latencies]
        first_error = next((one.first_error for one in outcomes if one.first_error), "")
        errors = sum(one.errors for one in outcomes)
        if not latencies:
            told = first_error or "no answer in time"
            raise LoadtestError(f"{self.name} answered no request. {errors} got: {told}")
        texts = len(latencies) * load.texts
        own = sum(one.cpu_seconds for one in outcomes)
        p50, p99 = np.percentile(latencies, [50, 99]) * 1000
        return Round(
            texts_per_second=sum(len(one.latencies) * load.texts / one.seconds for one in outcomes),
            p50_ms=float(p50),
            p99_ms=float(p99),
            cpu_ms=1000 * (spent if self.process else own) / texts,
            generator_cpu_ms=1000 * own / texts if self.process else 0.0,
            errors=errors,
            first_error=first_error,
            rss_mib=rss_mib,
            pss_mib=pss_mib,
        )


class Generator:
    """One load generator's process, which ends with the block. What goes wrong in it stands on standard error."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> Generator:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.bench.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"},
            text=True,
            encoding="utf-8",
        )
        self.pid = self._process.pid
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process:  # closes its pipes, and waits for its end
            pass

    def tell(self, line: str) -> None:
        """Writes a line to it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def expect(self, word: str) -> None:
        """Waits until it says something."""
        if (said := self._hear()) != word:
            raise LoadtestError(f"The load generator of {self._name} said {said!r} in place of {word!r}.")

    def outcome(self) -> Outcome:
        """What it has measured."""
        return Outcome(**json.loads(self._hear()))

    def _hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        return line.rstrip("\n")

    def _ended(self) -> LoadtestError:
        return LoadtestError(f"The load generator of {self._name} ended before its time; what it said stands above.")
