"""A server's memory over time: what its processes hold, and whether that grows under a steady load."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

INTERVAL_SECONDS = 2.0
"""A reading takes some milliseconds of a core; at this distance that is next to nothing beside the load."""
MINUTE = 60.0
JUDGED_SECONDS = 180.0
"""A level that is measured for so long has a second minute and a last one that don't touch."""
MEBIBYTE = 1024.0  # in KiB, as the kernel tells it


@dataclass(frozen=True)
class Sample:
    """What a process and those it has started hold at one moment.

    Attributes:
        at: When, in seconds since 1970.
        pss_mib: Proportional set size: memory that processes share counts once among them.
        rss_mib: Resident set size: what they share counts for each of them.
        processes: How many they are.
        own_mib: The part of the PSS that is no file: what they have taken for themselves and share with nobody else.
            None where the kernel doesn't tell (before Linux 5.4).
    """

    at: float
    pss_mib: float
    rss_mib: float
    processes: int
    own_mib: float | None = None

    @property
    def judged_mib(self) -> float:
        """What must not grow.

        A file's part of the PSS, programs and libraries for the most, changes with every other process of the machine
        that has the same one open; what the server leaks is in the rest.
        """
        return self.pss_mib if self.own_mib is None else self.own_mib


@dataclass(frozen=True)
class Growth:
    """How the memory of a level's last minute compares with its second one; medians, so that no one reading decides.

    Attributes:
        second_minute_mib: See Sample.judged_mib; in the second minute: the first one fills pools and caches.
        last_minute_mib: In the last.
        most_mib: The highest reading of the level.
    """

    second_minute_mib: float
    last_minute_mib: float
    most_mib: float

    @property
    def share(self) -> float:
        """0.01 is 1 % more in the last minute than in the second; negative where it has become less."""
        return round(self.last_minute_mib / self.second_minute_mib - 1, 5) + 0.0  # never -0


def read_memory(pid: int) -> Sample | None:
    """Reads the memory of a process and those it has started.

    Returns:
        None where the process is gone, belongs to somebody else, or the kernel doesn't tell.
    """
    try:
        processes = [parent := psutil.Process(pid), *parent.children(recursive=True)]
    except psutil.Error:
        return None
    pss = rss = own = 0.0
    whole = True
    count = 0
    for process in processes:
        try:
            found = _rollup(process.pid)
        except (FileNotFoundError, ProcessLookupError):
            if process.pid == pid:
                return None
            continue  # it has ended; who started it may not have asked how yet
        except (OSError, KeyError, ValueError):
            return None  # a sum without it would be wrong
        pss += found["Pss"]
        rss += found["Rss"]
        own += found.get("Pss_Anon", 0) + found.get("Pss_Shmem", 0)
        whole = whole and "Pss_Anon" in found
        count += 1
    return Sample(time.time(), pss / MEBIBYTE, rss / MEBIBYTE, count, own / MEBIBYTE if whole else None)


def _rollup(pid: int) -> dict[str, int]:
    """Rss, Pss and the parts of Pss of one process, in KiB; the kernel adds them up from all its mappings."""
    found: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]:
        name, _, value = line.partition(":")
        if name in ("Rss", "Pss", "Pss_Anon", "Pss_Shmem"):
            found[name] = int(value.split()[0])
    if "Pss" not in found:
        raise KeyError("Pss")
    return found


def level_growth(samples: Sequence[Sample], begin: float, seconds: float) -> Growth | None:
    """What the samples of a level say.

    Args:
        samples: Of the whole run.
        begin: When the level's measured time began, in seconds since 1970.
        seconds: How long it was.

    Returns:
        None where it is too short to be judged, or one of the two minutes has no sample.
    """
    if seconds < JUDGED_SECONDS:
        return None
    end = begin + seconds
    second = _judged(samples, begin + MINUTE, begin + 2 * MINUTE)
    last = _judged(samples, end - MINUTE, end)
    if not second or not last:
        return None
    return Growth(statistics.median(second), statistics.median(last), max(_judged(samples, begin, end)))


def _judged(samples: Sequence[Sample], begin: float, end: float) -> list[float]:
    return [one.judged_mib for one in samples if begin <= one.at < end]


class MemoryWatch:
    """Reads a process's memory again and again while a block runs.

    To be entered after the processes that must not be started beside a thread.

    Args:
        pid: The process; None reads nothing.
        interval: Seconds between two readings; None for INTERVAL_SECONDS.

    Attributes:
        samples: What was read.
    """

    def __init__(self, pid: int | None, interval: float | None = None) -> None:
        self.samples: list[Sample] = []
        self._pid = pid
        self._interval = INTERVAL_SECONDS if interval is None else interval
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="memory", daemon=True)

    def __enter__(self) -> MemoryWatch:
        if self._pid is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _read(self) -> None:
        assert self._pid is not None
        due = time.monotonic()
        while True:
            sample = read_memory(self._pid)
            if sample is not None:
                self.samples.append(sample)
            due = max(due + self._interval, time.monotonic())
            if self._over.wait(due - time.monotonic()):
                return
