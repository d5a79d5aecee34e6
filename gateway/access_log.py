"""The access log: one JSON object a request, in a file of bounded size. Texts are never in it."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from pathlib import Path

from pydantic_core import to_json

from gateway.records import Record

logger = logging.getLogger(__name__)
MOST_KEPT = 1 << 20
"""Bytes that wait for the disk; what comes while it takes none is counted and left out."""


class AccessLog:
    """Gathers lines, and writes them when `flush` is called.

    Args:
        path: The file. A full one is renamed to end in `.1`, in the place of the former one.
        most: Bytes of both files together; 0: no log.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._most = most // 2
        self._lines: list[bytes] = []
        self._size = 0
        self._lost = 0

    def note(self, record: Record, method: str, seconds: float) -> None:
        """Notes an answered request, which took so many seconds."""
        if not self._most:
            return
        if self._size > MOST_KEPT:
            self._lost += 1
            return
        told = {
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "id": record.id,
            "key": record.key,
            "method": method,
            "route": record.route,
            "texts": record.texts,
            "status": record.status,
            "ms": round(seconds * 1000, 2),
        }
        line = to_json(told) + b"\n"
        self._lines.append(line)
        self._size += len(line)

    def flush(self) -> None:
        """Writes what has been noted; on a full disk it waits, within bounds."""
        if not self._lines:
            return
        try:
            self._rotate()
            with self._path.open("ab") as stream:
                stream.write(b"".join(self._lines))
        except OSError as error:
            logger.warning("The access log %s can't be written: %s.", self._path, error.strerror)
            return
        if self._lost:
            logger.warning("%d requests are missing from the access log.", self._lost)
        self._lines, self._size, self._lost = [], 0, 0

    def _rotate(self) -> None:
        if self._path.exists() and self._path.stat().st_size + self._size > self._most:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
