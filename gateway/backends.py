"""Which Triton is asked: the current one, until another takes its place; what the former one was asked is counted.

Every call asks for the current backend anew, so that a switch moves the next call, and nothing that is in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from gateway.engine import HttpEngine
from gateway.errors import BackendLost, Problem
from serving.target import Target

Answer = TypeVar("Answer")


class Backend:
    """One Triton, and the connections to it.

    Attributes:
        target: Where it listens, and what it serves.
        engine: Asks it over HTTP.
        in_flight: Calls that it has not answered yet.
    """

    def __init__(self, target: Target, engine: HttpEngine) -> None:
        self.target = target
        self.engine = engine
        self.in_flight = 0

    def close(self) -> None:
        """Closes the connections: one that is idle would delay Triton's end."""
        self.engine.close()


class Backends:
    """The current backend, and former ones that still answer.

    Args:
        connect: Makes a backend of what the supervisor tells.
        patience_s: How long a call whose backend was lost waits for another one, in seconds.
    """

    def __init__(self, connect: Callable[[Target], Backend], patience_s: float) -> None:
        self._connect = connect
        self._patience_s = patience_s
        self._current: Backend | None = None
        self._former: list[Backend] = []
        self._changed: asyncio.Event = asyncio.Event()
        self._drained: asyncio.Event = asyncio.Event()

    def current(self) -> Backend:
        """The one to ask now.

        Raises:
            Problem: There is none (503).
        """
        if self._current is None:
            raise Problem(503, "No engine runs at the moment: it is being started. Ask again later.", 5.0)
        return self._current

    @property
    def target(self) -> Target | None:
        """Where the current one listens."""
        return self._current.target if self._current is not None else None

    @property
    def draining(self) -> list[Backend]:
        """Former backends that have not answered everything yet."""
        return list(self._former)

    def swap(self, target: Target | None) -> None:
        """Has new calls go to another backend; the former one is closed when it has answered what it was asked.

        Args:
            target: The new one; None where there is none for a while. The present one changes nothing.
        """
        former = self._current
        if former is not None and former.target == target:
            return
        self._current = self._connect(target) if target is not None else None
        if former is not None:
            self._former.append(former)
            self._close_idle()
        self._changed.set()
        self._changed = asyncio.Event()

    async def drain(self) -> None:
        """Returns when all former backends have answered, and their connections are closed."""
        while self._former:
            self._drained.clear()
            await self._drained.wait()

    @contextlib.contextmanager
    def use(self, backend: Backend | None = None) -> Iterator[Backend]:
        """Counts what is done within the block as in flight; the current backend unless another is named.

        Raises:
            Problem: There is none (503).
        """
        used = backend or self.current()
        used.in_flight += 1
        try:
            yield used
        finally:
            used.in_flight -= 1
            self._close_idle()

    async def call(self, work: Callable[[Backend], Awaitable[Answer]]) -> Answer:
        """Does what is safe to repeat with the current backend, and once more with the next one if that was lost.

        Args:
            work: Asks the backend that it is given; raises BackendLost where that ended before it had answered.

        Raises:
            Problem: There is no backend; BackendLost where the first was lost and none took its place in time.
        """
        with self.use() as backend:
            try:
                return await work(backend)
            except BackendLost as error:
                lost = error
        if not await self._another_than(backend):
            raise lost
        with self.use() as backend:
            return await work(backend)

    async def _another_than(self, backend: Backend) -> bool:
        """Waits until another backend is current; False where that takes too long, or there is none."""
        if self._current is backend:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._patience_s)
        return self._current is not None and self._current is not backend

    def _close_idle(self) -> None:
        idle = [one for one in self._former if not one.in_flight]
        self._former = [one for one in self._former if one.in_flight]
        for one in idle:
            one.close()
        if not self._former:
            self._drained.set()

    def close(self) -> None:
        """Closes all connections."""
        for one in [*self._former, *filter(None, [self._current])]:
            one.close()
