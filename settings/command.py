"""How a command of the project begins and ends: what it logs, what interrupts it, and what its exit status tells."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the signal's number, as shells have it."""


def run_command(
    work: Callable[[], int],
    errors: tuple[type[Exception], ...],
    *,
    stopped: str = "Stopped; nothing was written.",
    level: int = logging.INFO,
) -> int:
    """Does a command's work; SIGTERM ends it as Ctrl-C does, so that it takes with it what it has started.

    Args:
        work: Returns the exit status.
        errors: What is told as a sentence, without a traceback; the exit status is 1 then.
        stopped: What is told after an interruption.
        level: From which level on the libraries' log lines are shown.

    Returns:
        The process's exit status.
    """
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return work()
    except KeyboardInterrupt:
        print(f"\n{stopped}", file=sys.stderr)
        return INTERRUPTED
    except errors as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, former)
