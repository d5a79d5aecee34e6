"""Starts what is measured, each on a free port, and ends it with the benchmark however that ends."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench.errors import BenchError
from loadtest.bench.server import SOURCES
from loadtest.interruptions import held_back
from serving.processes import end_process, spawn_dependent
from serving.temporary import free_ports

START_SECONDS = 120


@dataclass(frozen=True)
class Peer:
    """A service written by hand around the checkpoint.

    Attributes:
        name: What it is called in the report.
        package: What it can't do without.
        module: Its program.
        ready: The path that answers 200 when it is ready.
    """

    name: str
    package: str
    module: str
    ready: str


FASTAPI = Peer("FastAPI + pipeline", "fastapi", "loadtest.bench.fastapi_server", "/ready")
LITSERVE = Peer("LitServe", "litserve", "loadtest.bench.litserve_server", "/health")


@dataclass(frozen=True)
class Started:
    """A server that answers.

    Attributes:
        process: Its first process.
        group: The process group that all of its processes belong to.
        port: Where it is asked.
    """

    process: int
    group: int
    port: int


def require(peer: Peer) -> None:
    """Makes sure that a peer can be started, before anything is measured.

    Raises:
        BenchError: Its package is missing: nothing is left out without a word.
    """
    if importlib.util.find_spec(peer.package) is None:
        raise BenchError(f"{peer.name} can't be measured: the package {peer.package} is missing. Run `make setup`.")


@contextlib.contextmanager
def started(peer: Peer, checkpoint: Path, max_length: int, log: Path) -> Iterator[Started]:
    """A peer while the block runs.

    Args:
        peer: Which one.
        checkpoint: The checkpoint that it loads.
        max_length: Tokens that it reads of a text.
        log: Where its output goes.

    Raises:
        BenchError: It doesn't start; its log tells why.
    """
    (port,) = free_ports(1)
    command = [sys.executable, "-m", peer.module, "--checkpoint", str(checkpoint)]
    command += ["--max-length", str(max_length), "--port", str(port)]
    with group_of(command, {**os.environ, "PYTHONPATH": str(SOURCES)}, log) as process:
        wait_until_ready(peer.name, process, lambda: answers(port, peer.ready), log)
        yield Started(process.pid, process.pid, port)


@contextlib.contextmanager
def group_of(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
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
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until_ready(name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    """Waits until a server answers.

    Raises:
        BenchError: It ended, or takes too long.
    """
    end = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise BenchError(f"{name} did not start; its log: {log}")
        time.sleep(0.2)


def answers(port: int, path: str) -> bool:
    """Whether a server answers a GET with 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
