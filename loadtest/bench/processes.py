"""Processes that are measured: started and ended, what they compute, and how they are kept still meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from loadtest.errors import LoadtestError
from loadtest.interruptions import held_back
from loadtest.memory import Sample, read_memory
from serving.processes import end_process, kill_group, spawn_dependent

SYSTEM_SHELL = "/bin/sh"
GUARD = """read _ || {
for group; do kill -s CONT -- "-$group"; kill -s TERM "$group"; done
sleep 15
for group; do kill -s KILL -- "-$group"; done
} 2>/dev/null"""
"""Who does not heed the request to end, LitServe while it is being woken for instance, is killed in the end."""


def memory(pid: int) -> Sample:
    """What a process and those it has started hold.

    Raises:
        LoadtestError: It has ended, or the kernel doesn't tell.
    """
    sample = read_memory(pid)
    if sample is None:
        raise LoadtestError(f"The memory of process {pid} can't be read: it has ended, or /proc does not tell.")
    return sample


def cpu_seconds(pid: int) -> float:
    """What a process and those it has started have computed so far.

    Raises:
        LoadtestError: It has ended.
    """
    try:
        parent = psutil.Process(pid)
        processes = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        raise LoadtestError("the server ended while it was measured") from None
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


@contextlib.contextmanager
def group_of(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process while the block runs; afterwards nothing of what it has started is left either.

    To be used in the main thread.
    """
    with contextlib.ExitStack() as stack:
        with held_back(), log.open("wb") as stream:
            process = spawn_dependent(command, environment, stream)
            stack.callback(_end, process)
        yield process


def _end(process: subprocess.Popen[bytes]) -> None:
    end_process(process, patience=20.0)
    kill_group(process.pid)


class Stillness:
    """A server's processes, stopped by a signal except where they are asked for.

    Some servers look for work a thousand times a second, and would take time from those that are measured. When the
    calling process ends, however it does, a shell that waits for it wakes them and tells them to end. A signal that
    came while they were stopped may have reached a thread that ignores it.

    Args:
        groups: The process groups that they belong to; the leader of each ends the others.
    """

    def __init__(self, *groups: int) -> None:
        self._groups = groups

    def __enter__(self) -> Stillness:
        command = [SYSTEM_SHELL, "-c", GUARD, SYSTEM_SHELL, *map(str, self._groups)]
        self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        self._signal(signal.SIGSTOP)
        return self

    def __exit__(self, *_: object) -> None:
        # Woken here too: what follows ends the server, and must not find it asleep.
        self._signal(signal.SIGCONT)
        self._guard.communicate(b"\n")

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """The processes run while the block does."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):  # the one that is measured next tells that it has ended
                os.killpg(group, number)
