"""Figures of one level of load: texts a second, percentiles, errors; for all requests, and for each kind of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from loadtest.locust.records import Request
from loadtest.memory import Growth

ALL = "all"
UNANSWERED = "no answer when the level was over"
PERCENTILES = (50.0, 90.0, 95.0, 99.0)


@dataclass(frozen=True)
class Figures:
    """What was measured of one kind of request at one level; times in milliseconds, infinite without any answer.

    A request's time counts from when it was to be sent. One without an answer counts with the time it has waited; one
    that failed doesn't count.

    Attributes:
        kind: Protocol and size, or `all`.
        requests: How many were to be sent in the measured time.
        errors: Those of them that failed or got no answer.
        first_error: What the first of them got.
        requests_per_second: Good answers in the measured time.
        texts_per_second: The texts in them.
        p50_ms: Half of the requests took at most so long; likewise the others.
        max_ms: The slowest.
        sent_late_p99_ms: 99 % were sent at most so much later than intended: more than a few milliseconds, and the
            load generator was too slow.
    """

    kind: str
    requests: int
    errors: int
    first_error: str
    requests_per_second: float
    texts_per_second: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    sent_late_p99_ms: float

    @property
    def error_share(self) -> float:
        """Share of the requests that failed; 1 where there were none."""
        return self.errors / self.requests if self.requests else 1.0


@dataclass(frozen=True)
class Level:
    """One level of load.

    Attributes:
        number: From 1.
        load: Users, or arrivals a second.
        open: Whether `load` is arrivals.
        seconds: The measured time.
        figures: Of all requests first, then of each kind where there are several.
        begin: When the measured time began, in seconds since 1970.
        memory: How the server's memory grew, where that was looked at.
    """

    number: int
    load: int
    open: bool
    seconds: float
    figures: tuple[Figures, ...]
    begin: float = 0.0
    memory: Growth | None = None

    @property
    def name(self) -> str:
        """What it is called in messages: `8 users`, `100 requests/s`."""
        return f"{self.load} requests/s" if self.open else f"{self.load} user{'s' if self.load > 1 else ''}"

    @property
    def kinds(self) -> tuple[Figures, ...]:
        """The figures by kind, those of all where there is one kind only."""
        return self.figures[1:] or self.figures

    def as_json(self) -> dict[str, Any]:
        """All of it, for a JSON file."""
        values = dataclasses.asdict(self)
        if self.memory is not None:
            values["memory"]["growth"] = self.memory.share
        return values


def read_levels(values: Any) -> list[Level]:
    """The levels that `Level.as_json` gave."""
    return TypeAdapter(list[Level]).validate_python(values)


def level_figures(requests: Sequence[Request], begin: float, end: float, now: float) -> tuple[Figures, ...]:
    """Makes the figures of a level.

    Args:
        requests: Those that were to be sent or were answered in the measured time, at least.
        begin: When the measured time began, in seconds since 1970.
        end: When it ended.
        now: When it is looked at: a request without an answer has waited until then.
    """
    kinds = sorted({one.kind for one in requests})
    found = [_figures(ALL if len(kinds) != 1 else kinds[0], requests, begin, end, now)]
    if len(kinds) > 1:
        found += [_figures(kind, [one for one in requests if one.kind == kind], begin, end, now) for kind in kinds]
    return tuple(found)


def _figures(kind: str, requests: Sequence[Request], begin: float, end: float, now: float) -> Figures:
    due = [one for one in requests if begin <= one.intended < end]
    failed = [one.error or UNANSWERED for one in due if one.error or not one.ended]
    good = [one for one in requests if begin <= one.ended < end and not one.error]
    waited = [1000 * ((one.ended or now) - one.intended) for one in due if not one.error]
    late = [1000 * (one.sent - one.intended) for one in due]
    p50, p90, p95, p99 = (float(value) for value in np.percentile(waited or [math.inf], PERCENTILES, method="higher"))
    return Figures(
        kind=kind,
        requests=len(due),
        errors=len(failed),
        first_error=failed[0] if failed else "",
        requests_per_second=len(good) / (end - begin),
        texts_per_second=sum(one.texts for one in good) / (end - begin),
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=max(waited, default=math.inf),
        sent_late_p99_ms=float(np.percentile(late or [0.0], 99, method="higher")),
    )
