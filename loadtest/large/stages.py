"""Runs a command and tells, for each step that it logs, how long it took and how much memory was held."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.errors import LoadtestError
from loadtest.memory import MemoryWatch, Sample

INTERVAL_SECONDS = 0.25
_STEP = re.compile(r"^(.+) is made, because ")
"""How `steps` tells that a step begins."""


@dataclass(frozen=True)
class Stage:
    """One step of a command.

    Attributes:
        name: as the command tells it.
        seconds: how long it took.
        peak_mib: the most that the command and all processes it started held at once (RSS).
    """

    name: str
    seconds: float
    peak_mib: float


def run_stages(words: Sequence[str]) -> tuple[list[Stage], float]:
    """Run a Python command, with its log on standard error.

    Args:
        words: what stands behind `python`.

    Returns:
        Its steps in their order, the time until the first one included as "start"; and its processor time in seconds.

    Raises:
        LoadtestError: The command failed.
    """
    before = os.times()
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, text=True)
    begins = [("start", time.time())]
    with process, MemoryWatch(process.pid, INTERVAL_SECONDS) as watch:
        assert process.stderr is not None
        for line in process.stderr:
            sys.stderr.write(line)
            if found := _STEP.match(line):
                begins.append((found[1], time.time()))
    end = time.time()
    if process.returncode:
        raise LoadtestError(f"`python {' '.join(words)}` failed with status {process.returncode}; its log is above.")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return stages(begins, end, watch.samples), cpu


def stages(begins: Sequence[tuple[str, float]], end: float, samples: Sequence[Sample]) -> list[Stage]:
    """Put the memory that was read to the steps in which it was.

    Args:
        begins: name and begin of each step, in seconds since 1970.
        end: of the last one.
        samples: what was read.
    """
    ends = [*(begin for _, begin in begins[1:]), end]
    return [
        Stage(
            name,
            until - begin,
            max((sample.rss_mib for sample in samples if begin <= sample.at < until), default=0.0),
        )
        for (name, begin), until in zip(begins, ends, strict=True)
    ]
