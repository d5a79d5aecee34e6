"""Which engine is asked while one takes another's place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from gateway.backends import Backend, Backends
from gateway.engine import HttpEngine
from gateway.errors import BackendLost, Problem
from serving.target import Target


def target(number: int) -> Target:
    return Target(f"release-{number}", number, number, number)


class Closing:
    """The part of an engine that a backend needs."""

    closed = False

    def close(self) -> None:
        self.closed = True


def backends(patience_s: float = 10.0) -> Backends:
    """Without a current one yet."""
    return Backends(lambda where: Backend(where, cast(HttpEngine, Closing())), patience_s)


def is_closed(backend: Backend) -> bool:
    return cast(Closing, backend.engine).closed


def port_of(backend: Backend) -> int:
    return backend.target.http_port


def answering(seen: list[int], lost: set[int], gate: asyncio.Event) -> Callable[[Backend], Awaitable[int]]:
    """Notes which backend was asked, waits for the gate, and then answers with its port unless it is lost."""

    async def work(backend: Backend) -> int:
        seen.append(port_of(backend))
        await gate.wait()
        if port_of(backend) in lost:
            raise BackendLost
        return port_of(backend)

    return work


def test_new_calls_go_to_the_new_backend_and_the_former_one_is_closed_when_it_has_answered() -> None:
    async def run() -> None:
        gate, seen, one = asyncio.Event(), list[int](), backends()
        one.swap(target(1))
        former = one.current()
        waiting = asyncio.ensure_future(one.call(answering(seen, set(), gate)))
        await asyncio.sleep(0)
        one.swap(target(2))
        drained = asyncio.ensure_future(one.drain())
        later = asyncio.ensure_future(one.call(answering(seen, set(), gate)))
        await asyncio.sleep(0)
        assert seen == [1, 2] and one.draining == [former]
        assert not is_closed(former) and not drained.done()
        gate.set()
        assert [await waiting, await later] == [1, 2]
        await drained
        assert is_closed(former) and not is_closed(one.current()) and not one.draining

    asyncio.run(run())


def test_a_call_whose_backend_is_lost_is_repeated_once_with_the_one_that_takes_its_place() -> None:
    async def run() -> None:
        gate, seen, one = asyncio.Event(), list[int](), backends()
        one.swap(target(1))
        waiting = asyncio.ensure_future(one.call(answering(seen, {1}, gate)))
        gate.set()
        while not seen:
            await asyncio.sleep(0)
        one.swap(target(2))
        assert await waiting == 2 and seen == [1, 2]
        lost = asyncio.ensure_future(one.call(answering(seen, {2, 3}, gate)))
        await asyncio.sleep(0)
        one.swap(target(3))
        with pytest.raises(BackendLost):
            await lost
        assert seen == [1, 2, 2, 3]

    asyncio.run(run())


def test_a_call_whose_backend_is_lost_fails_when_none_takes_its_place_in_time() -> None:
    async def run() -> None:
        gate, seen, one = asyncio.Event(), list[int](), backends(patience_s=0.01)
        gate.set()
        with pytest.raises(Problem, match="No engine runs at the moment"):
            await one.call(answering(seen, set(), gate))
        one.swap(target(1))
        with pytest.raises(BackendLost):
            await one.call(answering(seen, {1}, gate))
        assert seen == [1] and one.current().in_flight == 0

    asyncio.run(run())


def test_the_backend_that_is_current_already_is_kept_with_its_connections() -> None:
    async def run() -> None:
        one = backends()
        one.swap(target(1))
        former = one.current()
        one.swap(target(1))
        assert one.current() is former and not is_closed(former)
        one.swap(None)
        assert is_closed(former)
        with pytest.raises(Problem):
            one.current()

    asyncio.run(run())
