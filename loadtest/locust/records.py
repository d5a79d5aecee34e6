"""What became of every request: recorded where it is sent, gathered where the figures are made.

A request is known from the moment it was to be sent. So one that has no answer yet is not forgotten: a server that
stands still shows in the figures, also while it does.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Request(NamedTuple):
    """One request; times are seconds since 1970, so that several machines' can be joined.

    Attributes:
        kind: Protocol and size, for instance `grpc, 1 text`.
        texts: Texts in it.
        intended: When it was to be sent.
        sent: When it was sent.
        ended: When its answer came; 0 while there is none.
        error: What came in place of a good answer; else empty.
    """

    kind: str
    texts: int
    intended: float
    sent: float
    ended: float = 0.0
    error: str = ""


@dataclass
class Recorder:
    """The requests of one process.

    Attributes:
        now: Tells the time in seconds since 1970.
    """

    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._open: dict[int, Request] = {}
        self._ended: list[Request] = []

    def begin(self, kind: str, texts: int, intended: float | None = None) -> int:
        """Notes that a request is sent now, which was to be sent at a moment, or now; gives its number."""
        number = next(self._numbers)
        now = self.now()
        self._open[number] = Request(kind, texts, now if intended is None else intended, now)
        return number

    def end(self, number: int, error: str = "") -> Request:
        """Notes a request's answer; gives the whole of it."""
        request = self._open.pop(number)._replace(ended=self.now(), error=error)
        self._ended.append(request)
        return request

    def abandon(self, number: int) -> None:
        """Forgets a request whose user was taken away by the load test itself."""
        self._open.pop(number, None)

    def take(self) -> dict[str, Any]:
        """What ended since the last call, and what is open now: plain lists, which go over the wire."""
        ended, self._ended = self._ended, []
        return {"ended": [list(one) for one in ended], "open": [list(one) for one in self._open.values()]}


class Ledger:
    """The requests of all processes."""

    def __init__(self) -> None:
        self._ended: list[Request] = []
        self._open: dict[str, list[Request]] = {}

    def add(self, source: str, taken: Mapping[str, Any]) -> None:
        """Takes over what a process has recorded since the last time."""
        self._ended.extend(Request(*row) for row in taken["ended"])
        self._open[source] = [Request(*row) for row in taken["open"]]

    def requests(self, begin: float, end: float) -> list[Request]:
        """The requests that were to be sent, or were answered, in this time; unanswered ones too."""
        everything = itertools.chain(self._ended, *self._open.values())
        return [one for one in everything if begin <= one.intended < end or begin <= one.ended < end]

    def unanswered(self) -> int:
        """How many requests wait for their answers."""
        return sum(map(len, self._open.values()))

    def forget_before(self, moment: float) -> None:
        """Drops what ended before: levels that have their figures need it no more."""
        self._ended = [one for one in self._ended if one.ended >= moment]
