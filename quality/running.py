"""Runs a command of the product in a process group of its own, and takes all of it along when it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from quality.errors import QualityError
from serving.processes import group_members, kill_group, wait_until
from steps.digests import CHECKOUT

PATIENCE_S = 60.0
"""How long a command may take to save and end, once it was asked to."""
MOST_CHARACTERS = 400


class OutOfTime(QualityError):
    """A command was stopped, because the time of the suite was over."""


def run_module(words: Sequence[str], log: Path, until: float | None = None) -> None:
    """Run `python -m …` with its output in a file.

    Args:
        words: the module and its arguments.
        log: the file; what it held is overwritten.
        until: when it is stopped, on the clock of `time.monotonic`; None: never.

    Raises:
        QualityError: The command failed; the message is its own.
        OutOfTime: It was stopped.
    """
    environment = {**os.environ, "PYTHONPATH": _search_path()}
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        try:
            status = process.wait(None if until is None else max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise OutOfTime(f"the time was over; its log is in {log}") from None
        finally:
            _end(process)
    if status:
        raise QualityError(f"{last_words(log, status)} (log: {log})")


def _search_path() -> str:
    """Where the command finds this checkout's modules, whatever folder the suite was started in."""
    return os.pathsep.join(filter(None, (str(CHECKOUT), str(CHECKOUT / "client"), os.environ.get("PYTHONPATH"))))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask all processes of the group to end, and make them."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    # The command may be gone before those that it has started: they are given the same time.
    wait_until(lambda: process.poll() is not None and not group_members(process.pid), PATIENCE_S)
    kill_group(process.pid)
    process.wait()


def last_words(log: Path, status: int) -> str:
    """The sentence that a command ended with, or the last line of what it told."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        # The first: what a command that it started said comes before its own.
        return errors[0][:MOST_CHARACTERS].rstrip(".")
    if status < 0:
        return f"it was killed by {signal.Signals(-status).name}, mostly for lack of memory"
    return f"it ended with status {status}: {(lines or ['no word'])[-1][:MOST_CHARACTERS]}"
