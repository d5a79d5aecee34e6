"""The ceiling: the model on all cores without a server between, which is as fast as these cores can be."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loadtest.bench.errors import BenchError
from loadtest.bench.in_process import Job, Outcome
from loadtest.bench.measure import Load, Round
from loadtest.bench.processes import memory
from loadtest.bench.server import SOURCES, Asked

BATCH = 16


@dataclass(frozen=True, eq=False)
class InProcess:
    """The model in processes of their own, one thread each.

    Attributes:
        name: What it is called in the report.
        repository: The model repository that the server would be started on, for one thread a process.
        graph: An ONNX graph in place of the classifier; None for the classifier.
        asked: The texts, and how long.
        log: Where the processes tell what went wrong.
    """

    name: str
    repository: Path
    graph: Path | None
    asked: Asked
    log: Path

    def run(self, load: Load) -> Round:
        """Measures it, `load.clients` processes with batches of `load.texts` texts, sorted by length.

        Raises:
            BenchError: A process ended.
        """
        with contextlib.ExitStack() as stack:
            processes = [self._start(stack) for _ in range(load.clients)]
            for number, process in enumerate(processes):
                self._tell(process, json.dumps(dataclasses.asdict(self._job(load, number))))
            for process in processes:
                self._hear(process)
            for process in processes:
                self._tell(process, "go")
            outcomes = [Outcome(**json.loads(self._hear(process))) for process in processes]
            held = [memory(process.pid) for process in processes]
            for process in processes:
                self._tell(process, "end")
        batches = [seconds for outcome in outcomes for seconds in outcome.latencies]
        p50, p99 = np.percentile(batches, [50, 99]) * 1000
        return Round(
            texts_per_second=sum(len(one.latencies) * load.texts / one.seconds for one in outcomes),
            p50_ms=float(p50),
            p99_ms=float(p99),
            cpu_ms=1000 * sum(one.cpu_seconds for one in outcomes) / (len(batches) * load.texts),
            generator_cpu_ms=0.0,
            errors=0,
            first_error="",
            rss_mib=sum(one.rss_mib for one in held),
            pss_mib=sum(one.pss_mib for one in held),
        )

    def _job(self, load: Load, number: int) -> Job:
        return Job(
            repository=str(self.repository),
            graph=str(self.graph) if self.graph else None,
            texts=self.asked.texts,
            batch=load.texts,
            share=(number, load.clients),
            warm_up=self.asked.warm_up,
            seconds=self.asked.seconds,
        )

    def _start(self, stack: contextlib.ExitStack) -> subprocess.Popen[str]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "loadtest.bench.in_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"},
                text=True,
                encoding="utf-8",
            )
        stack.enter_context(process)
        stack.callback(process.kill)  # called before it is waited for
        return process

    def _tell(self, process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _hear(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise self._ended()
        return line

    def _ended(self) -> BenchError:
        return BenchError(f"A process of {self.name!r} ended before its time; what it told: {self.log}")
