"""The supervisor's notes of what runs, for other commands to read (serving/state.py)."""

from __future__ import annotations

import dataclasses
import logging
import os
import socket
import time
from collections.abc import Iterable

from serving.processes import ProcessId
from serving.state import ServerFiles, ServerState
from serving.target import Target
from settings import ServingSettings
from steps import DiskError

logger = logging.getLogger(__name__)


class Journal:
    """Keeps the state on disk up to date.

    Args:
        files: The server's place.
        serving: Where it listens.
    """

    def __init__(self, files: ServerFiles, serving: ServingSettings) -> None:
        self._files = files
        self._serving = serving
        self._state: ServerState | None = None

    @property
    def phase(self) -> str:
        """What was noted last; empty before the first note."""
        return self._state.phase if self._state is not None else ""

    @property
    def problem(self) -> str:
        """What was noted last."""
        return self._state.problem if self._state is not None else ""

    def note(
        self,
        phase: str,
        release: str,
        *,
        server: ProcessId | None,
        others: Iterable[ProcessId],
        target: Target | None,
        problem: str,
        restarts: int,
    ) -> None:
        """Notes that something has begun, or is over; the parameters are those of ServerState.

        Raises:
            DiskError: It is the first note, and can't be written. Later a full disk ends nothing of what runs.
        """
        me = ProcessId.of(os.getpid())
        assert me is not None, "/proc is not mounted"
        serving = self._serving
        state = ServerState(
            supervisor=me,
            server=server,
            phase=phase,
            release=release,
            address=serving.address,
            http_port=serving.http_port,
            grpc_port=serving.grpc_port,
            metrics_port=serving.metrics_port,
            started=time.time(),
            problem=problem,
            restarts=restarts,
            host=socket.gethostname(),
            others=tuple(others),
            target=target,
        )
        self._write(state, first=self._state is None)

    def update(self, *, server: ProcessId | None, others: Iterable[ProcessId], phase: str | None = None) -> None:
        """Notes which processes there are now, where anything has been noted before."""
        if self._state is not None:
            phase = phase or self._state.phase
            self._write(dataclasses.replace(self._state, server=server, others=tuple(others), phase=phase))

    def _write(self, state: ServerState, *, first: bool = False) -> None:
        try:
            state.write(self._files.state)
        except DiskError as error:
            if first:
                raise
            logger.error("What runs can't be noted for `python -m serving status`. %s", error)
        self._state = state
