"""How every command begins and ends: what it logs, what interrupts it, and what its exit status tells."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from steps.disk import full_sentence, is_disk_full, refused_sentence
from steps.errors import ProductTaggerError

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the signal's number, as shells have it."""


def run_command(
    work: Callable[[], int],
    *,
    stopped: str = "Stopped; nothing was written.",
    level: int = logging.INFO,
    silent: bool = False,
) -> int:
    """Does a command's work; SIGTERM ends it as Ctrl-C does, so that it takes with it what it has started.

    What is expected to go wrong (`ProductTaggerError`, a full disk, a path that can't be used) is told as a sentence on
    standard error, without a traceback.

    Args:
        work: Returns the exit status.
        stopped: What is told after an interruption.
        level: From which level on the log lines are shown.
        silent: Leave the sentences to another process, which does the same work.

    Returns:
        The process's exit status.
    """
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr)
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = work()
        sys.stdout.flush()  # here, where what goes wrong with it can still be told
        return status
    except KeyboardInterrupt:
        if not silent:
            print(f"\n{stopped}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output, `head` for instance, has seen enough
        _print_nothing_more()
        return 0
    except ProductTaggerError as error:
        return _told(str(error), silent)
    except OSError as error:
        if is_disk_full(error):
            try:
                sys.stdout.flush()
            except OSError:  # the output itself is what has no room
                _print_nothing_more()
            return _told(full_sentence(Path(error.filename or Path.cwd())), silent)
        if error.filename is None:
            raise
        return _told(refused_sentence(error), silent)
    finally:
        signal.signal(signal.SIGTERM, former)


def _print_nothing_more() -> None:
    """Lets what is still to be printed vanish, for Python would tell of it as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(sentence: str, silent: bool) -> int:
    if not silent:
        print(f"error: {sentence}", file=sys.stderr)
    return 1
