"""How waiting texts are joined into requests.

While the engines are busy, the texts of all callers wait together. When one engine is free, the text that came first
goes, and with it those of the next to come that are nearest to it in length: rows of one length need no padding. So
what came first bounds how long a text waits, and a text that comes to an idle engine goes alone and at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.errors import BadText, Problem

Row = TypeVar("Row")
WINDOW = 4
"""Among so many requests' worth of the oldest texts, those of like lengths are looked for."""
_KEPT = 0.9
"""Share of the former estimate that a new measurement leaves."""


@dataclass(eq=False)
class _Request(Generic[Row]):
    """One caller's texts; `answers` is filled row by row, `done` set with the last one."""

    done: asyncio.Future[None]
    answers: list[Row | BadText | None]
    missing: int


@dataclass(eq=False)
class _Text(Generic[Row]):
    """One text that waits: the `row`th of its request."""

    request: _Request[Row] = field(repr=False)
    row: int
    text: bytes


def choose(lengths: Sequence[int], most: int) -> list[int]:
    """Which texts go together.

    Args:
        lengths: Of the waiting texts, the first to come first.
        most: How many may go.

    Returns:
        Their places, shortest first. The first to come is always among them.
    """
    if len(lengths) <= most:
        return sorted(range(len(lengths)), key=lengths.__getitem__)
    window = sorted(range(min(len(lengths), WINDOW * most)), key=lengths.__getitem__)
    start = min(max(0, window.index(0) - most // 2), len(window) - most)
    return window[start : start + most]


class Joiner(Generic[Row]):
    """Joins the texts of all callers of one model.

    Args:
        send: Asks the engines: texts in, a row or what is wrong with the text for each, in their order.
        lanes: Requests that are with the engines at a time.
        most: Texts a request.
        room: Texts that may wait.
    """

    def __init__(
        self,
        send: Callable[[list[bytes]], Awaitable[Sequence[Row | BadText]]],
        *,
        lanes: int,
        most: int,
        room: int,
    ) -> None:
        self._send = send
        self._lanes = lanes
        self._most = most
        self._room = room
        self._busy = 0
        self._waiting: list[_Text[Row]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._text_seconds = 0.0

    @property
    def idle(self) -> bool:
        """Whether a text that comes now need not wait."""
        return not self._waiting and self._busy < self._lanes

    @property
    def waiting(self) -> int:
        """Texts that no engine has yet."""
        return len(self._waiting)

    @property
    def expected_wait_s(self) -> float:
        """How long a text that comes now would wait, in seconds, by how fast texts were answered of late."""
        return len(self._waiting) * self._text_seconds

    async def ask(self, texts: Sequence[bytes], timeout_s: float) -> list[Row | BadText]:
        """Has texts answered, in their order.

        Raises:
            Problem: There is no room, or no answer within the time; what `send` raises.
        """
        if not texts:
            return []
        if self.idle and len(texts) <= self._most:
            self._busy += 1
            return list(await self._answered(list(texts)))
        wait = self.expected_wait_s
        if len(self._waiting) + len(texts) > self._room or wait > timeout_s:
            raise Problem(503, "Exceeds maximum queue size: too many texts wait. Ask again later.", max(1.0, wait))
        loop = asyncio.get_running_loop()
        request: _Request[Row] = _Request(loop.create_future(), [None] * len(texts), len(texts))
        self._waiting += [_Text(request, row, text) for row, text in enumerate(texts)]
        timer = loop.call_later(timeout_s, _expire, request.done)
        try:
            self._pump()
            await request.done  # a caller who leaves cancels it, and its texts are skipped
        finally:
            timer.cancel()
        return [answer for answer in request.answers if answer is not None]

    async def _answered(self, texts: list[bytes]) -> Sequence[Row | BadText]:
        began = time.monotonic()
        try:
            answers = await self._send(texts)
            if len(answers) != len(texts):
                raise Problem(502, f"The engine gave {len(answers)} answers to {len(texts)} texts.")
            spent = (time.monotonic() - began) / len(texts) / self._lanes
            self._text_seconds = _KEPT * (self._text_seconds or spent) + (1 - _KEPT) * spent
            return answers
        finally:
            self._busy -= 1
            self._pump()

    def _pump(self) -> None:
        """Gives the free lanes their texts."""
        while self._busy < self._lanes and (batch := self._next()):
            self._busy += 1
            task = asyncio.ensure_future(self._carry(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> list[_Text[Row]]:
        self._waiting = [one for one in self._waiting if not one.request.done.done()]
        places = choose([len(one.text) for one in self._waiting], self._most)
        batch = [self._waiting[place] for place in places]
        taken = set(places)
        self._waiting = [one for place, one in enumerate(self._waiting) if place not in taken]
        return batch

    async def _carry(self, batch: list[_Text[Row]]) -> None:
        try:
            answers = await self._answered([one.text for one in batch])
        except Exception as error:
            for one in batch:
                if not one.request.done.done():
                    one.request.done.set_exception(error)
            return
        for one, answer in zip(batch, answers, strict=True):
            request = one.request
            request.answers[one.row] = answer
            request.missing -= 1
            if not request.missing and not request.done.done():
                request.done.set_result(None)


def _expire(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_exception(Problem(503, "Request timeout expired: the text waited too long. Ask again later.", 1.0))
