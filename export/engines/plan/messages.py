"""What TensorRT tells while it builds: its messages, and how far it is."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from tqdm import tqdm

from export.engines.plan.api import TensorRT


class MessageLog(Protocol):
    """A TensorRT logger that keeps what it is told."""

    lines: list[str]
    errors: list[str]


def open_log(trt: TensorRT) -> MessageLog:
    """A logger for TensorRT's objects, which have to be used no longer than it lives.

    Args:
        trt: TensorRT; its logger has to be derived from its own class.

    Returns:
        All messages but the most talkative are in `lines`, those of errors in `errors` as well.
    """
    severity = trt.ILogger.Severity
    bad = (severity.INTERNAL_ERROR, severity.ERROR)
    kept = (*bad, severity.WARNING, severity.INFO)

    class Log(trt.ILogger):  # type: ignore[misc, name-defined]  # a class that is known at run time only
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []
            self.errors: list[str] = []

        def log(self, level: Any, message: str) -> None:
            """Called by TensorRT, also from threads of its own."""
            if level in kept:
                self.lines.append(f"{str(level).rpartition('.')[2]}: {message}")
            if level in bad:
                self.errors.append(message)

    log: MessageLog = Log()
    return log


def open_progress(trt: TensorRT, title: str) -> Any:
    """A monitor that shows the phases of a build as bars, in a terminal.

    Args:
        trt: TensorRT; its monitor has to be derived from its own class.
        title: What is being built.
    """

    class Progress(trt.IProgressMonitor):  # type: ignore[misc, name-defined]  # a class that is known at run time only
        def __init__(self) -> None:
            super().__init__()
            self._bars: dict[str, Any] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            """A phase begins; phases lie within each other."""
            # A phase that is told twice, by two threads, has one bar.
            if phase_name not in self._bars:
                self._bars[phase_name] = tqdm(
                    total=num_steps,
                    desc=phase_name if parent_phase else title,
                    leave=False,
                    disable=not sys.stderr.isatty(),
                )

        def step_complete(self, phase_name: str, step: int) -> bool:
            """A step of a phase is done; false would end the build."""
            if phase_name in self._bars:
                self._bars[phase_name].update()
            return True

        def phase_finish(self, phase_name: str) -> None:
            """A phase is done, or given up."""
            if phase_name in self._bars:
                self._bars.pop(phase_name).close()

    return Progress()
