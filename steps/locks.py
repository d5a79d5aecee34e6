"""One process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from steps.errors import Busy


@contextmanager
def locked(target: Path, *, doing: str | None = None, timeout_s: float = 0) -> Iterator[None]:
    """Holds a lock beside a path while the block runs; it is free again when the process ends, however it ends.

    Args:
        target: What only one process may write; it need not exist.
        doing: What another holder is doing, for the sentence: "another export is writing to build".
        timeout_s: How long to wait for another holder; negative: without end.

    Raises:
        Busy: Another process holds it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not thread-local, so that a generator that is closed by another thread gives it back as well.
    lock = FileLock(target.parent / f".{target.name}.lock", timeout=timeout_s, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise Busy(
            f"{doing or f'Another run is writing {target}'} right now. Wait until it has ended, then run the same "
            "command again."
        ) from None
    try:
        yield
    finally:
        lock.release()
