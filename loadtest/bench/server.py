"""A server under load: the load generator is started on it, and what the server's processes computed is read."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest.bench.errors import BenchError
from loadtest.bench.load import Job, Outcome
from loadtest.bench.measure import Load, Round
from loadtest.bench.processes import Stillness, cpu_seconds, memory

SOURCES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Asked:
    """What all servers are asked.

    Attributes:
        texts: The texts.
        warm_up: Seconds of load before the measured time.
        seconds: The measured time.
    """

    texts: Sequence[str]
    warm_up: float
    seconds: float


@dataclass(frozen=True, eq=False)
class System:
    """A server and how it is asked.

    Attributes:
        name: What it is called in the report.
        api: See `requests.encode`.
        port: Where it listens.
        process: The server's process; its children count as well.
        asked: What is sent, and for how long.
        stillness: Keeps it still while it isn't asked; None for one that may run all the time.
    """

    name: str
    api: str
    port: int
    process: int
    asked: Asked
    stillness: Stillness | None = None

    def run(self, load: Load) -> Round:
        """Measures it under a load.

        Raises:
            BenchError: It answered no request or ended, or the load generator failed.
        """
        job = Job(
            self.api, self.port, load.clients, self.asked.warm_up, self.asked.seconds, self.asked.texts, load.texts
        )
        if self.stillness is None:
            return self._run(job)
        with self.stillness.awake():
            return self._run(job)

    def _run(self, job: Job) -> Round:
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
                before = cpu_seconds(self.process)
                _expect("end", generator.stdout)
                spent = cpu_seconds(self.process) - before
                held = memory(self.process)
                outcome = Outcome(**json.loads(next(generator.stdout, "")))
            except BaseException as error:
                generator.kill()
                if isinstance(error, BrokenPipeError | ValueError):
                    raise BenchError(f"the load generator ended before its time ({error})") from None
                raise
        count = len(outcome.latencies) * job.texts_each
        if not count:
            raise BenchError(
                f"{self.name} answered no request. {outcome.errors} got: {outcome.first_error or 'no answer in time'}"
            )
        p50, p99 = np.percentile(outcome.latencies, [50, 99]) * 1000
        return Round(
            texts_per_second=count / outcome.seconds,
            p50_ms=float(p50),
            p99_ms=float(p99),
            cpu_ms=1000 * spent / count,
            generator_cpu_ms=1000 * outcome.cpu_seconds / count,
            errors=outcome.errors,
            first_error=outcome.first_error,
            rss_mib=held.rss_mib,
            pss_mib=held.pss_mib,
        )


def _expect(word: str, lines: Iterator[str]) -> None:
    line = next(lines, "").strip()
    if line != word:
        raise ValueError(f"it said {line!r}")
