"""The stages before serving, each as the command a person would give."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from steps import ProductTaggerError

PATIENCE_SECONDS = 20.0


class StageError(ProductTaggerError):
    """A stage ended with an error."""


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline.

    Attributes:
        title: What it does.
        module: The module that is run.
        arguments: What it is given, before the configuration.
    """

    title: str
    module: str
    arguments: tuple[str, ...] = ()


STAGES = (
    Stage("Prepare the built-in catalogue", "catalog", ("prepare",)),
    Stage("Train", "training"),
    Stage("Export", "export"),
)


def run_stage(stage: Stage, configuration: Path, overrides: Sequence[str] = ()) -> None:
    """Runs a stage as a process of its own; what it says goes to the terminal.

    Raises:
        StageError: It ended with an error.
        KeyboardInterrupt: The person, or a signal, ended it; nothing of it is left then.
    """
    command = [sys.executable, "-m", stage.module, *stage.arguments, "--config", str(configuration)]
    command += [word for override in overrides for word in ("--set", override)]
    sources = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (sources, os.environ.get("PYTHONPATH"))))
    sys.stdout.flush()
    # In the terminal's own group: Ctrl-C reaches the stage as well, and it ends in its own way.
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})
    try:
        status = process.wait()
    except BaseException:
        _end(process)
        raise
    if status in (130, -signal.SIGINT):
        raise KeyboardInterrupt
    if status:
        raise StageError(f"`python -m {stage.module}` ended with status {status}; what it says is above.")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
