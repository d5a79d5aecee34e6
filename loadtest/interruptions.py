"""Ctrl-C also at the one moment at which Python would lose it: while a process is started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Keeps SIGINT and SIGTERM until the block has ended, and raises KeyboardInterrupt then.

    Around a fork Python runs functions of libraries, and drops what is raised in them.
    """
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    former = {number: signal.signal(number, lambda given, _: came.append(given)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


@contextlib.contextmanager
def remembered() -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM raise KeyboardInterrupt in the block, and it can be asked whether one has come.

    For a block that starts processes of others: one that is lost while it does is still known afterwards.
    """
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
