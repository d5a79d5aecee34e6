"""Ctrl-C also at the one moment at which Python would lose it: while a process is started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


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
