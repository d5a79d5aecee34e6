"""Load on a server that meanwhile switches to another release and back, again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from loadtest.switching.load import Expected, Outcome, ask_on, idle_connections
from serving.control import use
from settings import Settings


@dataclass(frozen=True)
class Plan:
    """How long, how many, and how often.

    Attributes:
        clients: Which ask at once; the ways to ask take turns among them.
        requests: After so many the load ends, when all switches are done.
        switches: There and back again, each.
        seconds: The load lasts so long at least.
    """

    clients: int
    requests: int
    switches: int
    seconds: float = 0.0


async def switch_under_load(settings: Settings, expected: Expected, releases: tuple[str, str], plan: Plan) -> Outcome:
    """Sends the load and switches, at even distances, to the second release and back to the first, which is served now.

    Raises:
        ServingError: A switch fails.
    """
    await expected.learn()
    outcome = Outcome()
    over = False
    moves = 2 * plan.switches
    began = time.monotonic()

    def share() -> float:
        """How much of the load is over: 1 is all."""
        by_count = outcome.sent / plan.requests if plan.requests else 1.0
        by_time = (time.monotonic() - began) / plan.seconds if plan.seconds else 1.0
        return min(by_count, by_time)

    async def switches() -> None:
        for move in range(moves):
            await _until(share, (move + 1) / (moves + 1))
            await asyncio.to_thread(use, settings, releases[1 - move % 2])
            if move == 0:
                await expected.learn()
        await _until(share, 1.0)

    apis = list(expected.place.ports)
    async with idle_connections(expected.place):
        clients = [
            asyncio.ensure_future(
                ask_on(expected, apis[number % len(apis)], number, outcome, lambda: not over, lambda: 0.0)
            )
            for number in range(plan.clients)
        ]
        try:
            await _beside(switches, clients)
        finally:
            over = True
            await asyncio.gather(*clients)
    expected.judge(outcome)
    return outcome


async def _beside(work: Callable[[], Awaitable[None]], clients: Sequence[asyncio.Future[None]]) -> None:
    """Does the work; a client that breaks down ends it."""
    working = asyncio.ensure_future(work())
    await asyncio.wait([working, *clients], return_when=asyncio.FIRST_COMPLETED)
    if not working.done():
        working.cancel()
        await next(client for client in clients if client.done())
    await working


async def _until(share: Callable[[], float], due: float) -> None:
    while share() < due:
        await asyncio.sleep(0.02)
