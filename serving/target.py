"""Where the Triton listens that the gateway asks: a small file that the supervisor writes and the gateway reads."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from steps import staged_file


@dataclass(frozen=True)
class Target:
    """One Triton on this machine.

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
        """Puts it on disk in one step.

        Raises:
            DiskError: The disk is full, or the path can't be written.
        """
        with staged_file(path) as staging:
            staging.write_text(json.dumps(dataclasses.asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Target | None:
        """The one on disk; None when there is none, or none that can be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
