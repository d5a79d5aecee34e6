"""The gateway's side of a switch: it reads which Triton to ask, and tells how far it has followed."""

from __future__ import annotations

import asyncio
import contextlib
import os

from gateway.backends import Backends
from serving.state import ServerFiles
from serving.target import Followed, Target
from steps import DiskError


class Follower:
    """Has the backends be what the supervisor's file says.

    Args:
        backends: Which to change.
        files: The server's place.
    """

    def __init__(self, backends: Backends, files: ServerFiles) -> None:
        self._backends = backends
        self._files = files
        self._draining: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Reads the file anew, and tells that it has been read. To be called within the event loop."""
        self._backends.swap(Target.read(self._files.target))
        self._tell()
        if self._backends.draining and (self._draining is None or self._draining.done()):
            self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        await self._backends.drain()
        self._tell()

    def _tell(self) -> None:
        current = self._backends.target
        draining = tuple(one.target.http_port for one in self._backends.draining)
        followed = Followed(os.getpid(), current.http_port if current else 0, draining)
        with contextlib.suppress(DiskError):  # the supervisor then waits no longer than it must
            followed.write(self._files.gateway)
