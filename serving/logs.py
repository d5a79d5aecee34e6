"""Triton's log: which lines a person needs, and why a start failed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Without a GPU Triton says so many times over; on a machine that serves from the CPU none of it matters.
_NOISE = re.compile(r"CUDA|Cuda|NVML|DCGM|pinned memory|pinned system memory|GPU metrics", re.I)
_SEVERITY = re.compile(r"^([IWE])\d{4} \d\d:\d\d:\d\d\.\d+ \d+ \S+\] ?")
_LOAD_FAILURE = re.compile(r"failed to load '([^']+)' version \d+: (.*)")

LARGEST_LOG = 64 << 20
_MISSING_LIBRARY = re.compile(r"error while loading shared libraries: ([^:]+)")


def is_noise(line: str, *, gpu: bool = False) -> bool:
    """Whether a line only says that there is no GPU.

    Args:
        line: One of Triton's.
        gpu: Whether the release runs on a GPU: then all that is said of it matters.
    """
    return not gpu and bool(_NOISE.search(line))


def readable(line: str, *, gpu: bool = False) -> str | None:
    """The line as a person wants to see it; None to leave it out."""
    return None if is_noise(line, gpu=gpu) else line.rstrip("\n")


def is_serious(line: str, *, gpu: bool = False) -> bool:
    """Whether a line is a warning or an error that is not noise."""
    match = _SEVERITY.match(line)
    return match is not None and match.group(1) in "WE" and not is_noise(line, gpu=gpu)


def failure_cause(text: str, *, gpu: bool = False) -> str:
    """Why a server did not start, from its log: one or two sentences."""
    lines = [line for line in text.splitlines() if not is_noise(line, gpu=gpu)]
    for line in lines:
        match = _LOAD_FAILURE.search(line)
        if match:
            return f"The model {match.group(1)} can't be loaded: {_own_words(match.group(2))}."
    missing = [match.group(1) for line in lines if (match := _MISSING_LIBRARY.search(line))]
    if missing:
        return f"A shared library is missing: {missing[0]}."
    errors = [_own_words(_SEVERITY.sub("", line)) for line in lines if is_serious(line, gpu=gpu) and line[0] == "E"]
    # Triton's last words stand without a severity.
    last = [_own_words(line) for line in lines if line.startswith("error: ")]
    told = [*errors[:1], *last[:1]]
    return f"Triton says: {'; '.join(told)}." if told else "Triton's log gives no reason."


def _own_words(message: str) -> str:
    """The message without Triton's quotes and status words, and without the traceback that it appends."""
    words = message.strip().strip('"').split("\\n", 1)[0]
    for prefix in ("error: ", "creating server: ", "Internal - ", "Internal: ", "Invalid argument: "):
        words = words.removeprefix(prefix)
    return words.strip().rstrip(".;")


class LogTail:
    """Reads what has come to a file since the last look.

    Args:
        path: The file; it may not be there yet.
        offset: Where to begin, in bytes.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset
        self._rest = b""

    def lines(self) -> list[str]:
        """The complete lines that are new."""
        try:
            with self._path.open("rb") as stream:
                if self._path.stat().st_size < self._offset:
                    self._offset, self._rest = 0, b""  # a new file
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *complete, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in complete]


def begin_log(path: Path) -> None:
    """Begins a log anew; the former one stays beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_suffix(".log.1"))
    path.touch()


def bound_log(path: Path, most: int = LARGEST_LOG) -> None:
    """Begins a log anew that has grown beyond so many bytes, while its process goes on appending to it.

    The process has the file open, so its content is copied and the file emptied. A line that comes between is lost.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size > most:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)


def follow(path: Path, ended: Callable[[], bool]) -> Iterator[str]:
    """The lines of a log, and those that come, until `ended` says that no more will."""
    tail = LogTail(path)
    while True:
        last = ended()
        yield from tail.lines()
        if last:
            return
        time.sleep(0.2)
