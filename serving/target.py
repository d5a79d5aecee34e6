"""What the supervisor and the gateway tell each other, in two small files: which Triton to ask, and which is asked."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from steps import DiskError, disk_errors, staged_file


@dataclass(frozen=True)
class Target:
    """One Triton on this machine; the supervisor writes it.

    Attributes:
        release: The id it serves.
        http_port: Port for HTTP.
        grpc_port: Port for gRPC.
        metrics_port: Port for Prometheus metrics.
        host: The address it listens at.
    """

    release: str
    http_port: int
    grpc_port: int
    metrics_port: int
    host: str = "127.0.0.1"

    def write(self, path: Path) -> None:
        """Puts it on disk.

        Raises:
            DiskError: The path can't be written.
        """
        write_small(path, json.dumps(dataclasses.asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> Target | None:
        """The one on disk; None when there is none, or none that can be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Followed:
    """How far the gateway has followed; the gateway writes it when it listens, and whenever something has changed.

    Attributes:
        pid: The gateway's process.
        http_port: Of the Triton that it asks now; 0 while there is none.
        draining: HTTP ports of former ones that have not answered everything yet.
    """

    pid: int
    http_port: int
    draining: tuple[int, ...] = ()

    def write(self, path: Path) -> None:
        """Puts it on disk.

        Raises:
            DiskError: The path can't be written.
        """
        write_small(path, json.dumps(dataclasses.asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> Followed | None:
        """The one on disk; None when there is none, or none that can be read."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(values["pid"], values["http_port"], tuple(values["draining"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None


def write_small(path: Path, text: str) -> None:
    """Replaces a small file in one step; on a full disk in the place of the former one, which needs no room.

    Raises:
        DiskError: The disk is full and there is no former file, or the path can't be written.
    """
    try:
        with staged_file(path) as staging:
            staging.write_text(text, encoding="utf-8")
    except DiskError:
        if not path.is_file():
            raise
        with disk_errors(path.parent), path.open("r+", encoding="utf-8") as stream:
            stream.write(text)
            stream.truncate()
