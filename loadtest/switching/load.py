"""Clients that ask without a pause and compare each answer with what the releases say of the text."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from loadtest.requests import Api
from loadtest.switching.ways import Answer, Failed, Way, connect, requests_of

TIMEOUT_S = 30.0
TOLERANCE = 0.05
"""Of a probability: an INT8 graph's answer changes a little with the texts beside it."""
IDLE_CONNECTIONS = 8


@dataclass
class Outcome:
    """What came of the requests.

    Attributes:
        answered: Requests with an answer.
        failed: Others, by what came instead.
        wrong: Answers that no release gives, as sentences; known when `Expected.judge` has looked.
        seconds: How long each answer took.
        given: The different answers to each text, and how often each came.
    """

    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    given: Counter[tuple[Api, int, Answer]] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        """All requests."""
        return self.answered + self.failed.total()


@dataclass(frozen=True)
class Place:
    """Where a server listens.

    Attributes:
        host: Name or address.
        ports: A port for each way to ask.
    """

    host: str
    ports: dict[Api, int]


class Expected:
    """What each release says of each text, in each way to ask.

    Args:
        place: Where to ask.
        texts: The texts.
    """

    def __init__(self, place: Place, texts: Sequence[str]) -> None:
        self.place = place
        self.requests = {api: requests_of(api, list(texts)) for api in place.ports}
        self._answers: dict[Api, list[list[Answer]]] = {api: [[] for _ in texts] for api in place.ports}

    async def learn(self) -> None:
        """Asks the release that is served now for every text."""
        for api, requests in self.requests.items():
            way = connect(api, self.place.host, self.place.ports, TIMEOUT_S)
            try:
                for known, request in zip(self._answers[api], requests, strict=True):
                    known.append(await way.ask(request))
            finally:
                await way.close()

    def judge(self, outcome: Outcome) -> None:
        """Notes which answers none of the releases gives."""
        for (api, text, answer), times in outcome.given.items():
            if not any(
                known.category == answer.category and abs(known.score - answer.score) <= TOLERANCE
                for known in self._answers[api][text]
            ):
                request = self.requests[api][text][:200]
                outcome.wrong.append(f"{api}, {times} times: {request!r} → {answer}")


async def ask_on(
    expected: Expected, api: Api, first: int, outcome: Outcome, go_on: Callable[[], bool], pause: Callable[[], float]
) -> None:
    """One client: asks for one text after the other, beginning with a given one, as long as it is to go on."""
    way = connect(api, expected.place.host, expected.place.ports, TIMEOUT_S)
    requests = expected.requests[api]
    try:
        for number in itertools.count(first):
            if not go_on():
                return
            text = number % len(requests)
            await _ask_one(expected, api, way, text, outcome)
            await asyncio.sleep(pause())
    finally:
        await way.close()


async def _ask_one(expected: Expected, api: Api, way: Way, text: int, outcome: Outcome) -> None:
    began = time.monotonic()
    try:
        answer = await way.ask(expected.requests[api][text])
    except Failed as failed:
        outcome.failed[f"{api}: {failed}"] += 1
        return
    outcome.answered += 1
    outcome.seconds.append(time.monotonic() - began)
    outcome.given[api, text, Answer(answer.category, round(answer.score, 4))] += 1


@contextlib.asynccontextmanager
async def idle_connections(place: Place, count: int = IDLE_CONNECTIONS) -> AsyncIterator[None]:
    """Connections over which one request went and no other comes, as long as the block runs."""
    http = [port for api, port in place.ports.items() if api != "grpc"]
    writers = []
    try:
        for number in range(count if http else 0):
            reader, writer = await asyncio.open_connection(place.host, http[number % len(http)])
            writers.append(writer)
            writer.write(f"GET /health/live HTTP/1.1\r\nHost: {place.host}\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
        yield
    finally:
        for writer in writers:
            writer.close()
