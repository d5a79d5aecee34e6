"""The load generator on a server whose answers and times the test decides on."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from loadtest.bench.load import Job, Outcome, drive, prepare
from loadtest.callers import connect
from loadtest.requests import Api
from serving.temporary import free_ports

Answer = Callable[[int, bytes], Awaitable[bytes]]


def ok(body: bytes = b"{}") -> bytes:
    """A good answer."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


@contextmanager
def serving(answer: Answer, bodies: list[bytes]) -> Iterator[int]:
    """A server in a thread of its own, which notes the bodies that come; its port."""
    begun, ended = threading.Event(), asyncio.Event()
    ports: list[int] = []
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                bodies.append(await reader.readexactly(length))
                writer.write(await answer(len(bodies), bodies[-1]))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        begun.set()
        await ended.wait()
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert begun.wait(30)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def run(
    answer: Answer, clients: int = 2, seconds: float = 0.4, api: Api = "peer", texts_each: int = 1
) -> tuple[Outcome, list[str], list[bytes]]:
    """Drives a server for a while: what was measured, what was told, and the bodies that came."""
    told: list[str] = []
    bodies: list[bytes] = []
    with serving(answer, bodies) as port:
        job = Job(api, ["a", "b", "c", "d"], 0.1, seconds, port, clients, texts_each)
        outcome = drive(job, *prepare(job), told.append)
    return outcome, told, bodies


def test_answers_are_counted_and_timed_within_the_measured_time() -> None:
    async def answer(number: int, body: bytes) -> bytes:
        await asyncio.sleep(0.02)
        return ok()

    outcome, told, bodies = run(answer)
    assert told == ["begin", "end"] and outcome.errors == 0
    # Two clients, 20 ms each, 0.4 s: 40 at most, and what came before and after is not counted.
    assert 5 <= len(outcome.latencies) <= 40 and len(outcome.latencies) < len(bodies)
    assert min(outcome.latencies) >= 0.02 and outcome.seconds >= 0.4


def test_each_client_asks_for_its_next_text_only_when_it_has_the_answer_and_begins_at_another() -> None:
    at_once = highest = 0

    async def answer(number: int, body: bytes) -> bytes:
        nonlocal at_once, highest
        at_once += 1
        highest = max(highest, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return ok()

    _, _, bodies = run(answer, clients=4)
    assert highest == 4
    assert sorted(json.loads(body)["text"] for body in bodies[:4]) == ["a", "b", "c", "d"]


def test_refusals_and_broken_connections_are_counted_as_errors_with_the_first_one_told() -> None:
    async def answer(number: int, body: bytes) -> bytes:
        await asyncio.sleep(0.005)
        if number % 5 == 0:
            return b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
        if number % 7 == 0:
            return b"HTTP/1.1 200 OK\r\n\r\n"  # its length is missing: the connection can't be used further
        return ok()

    outcome, _, _ = run(answer)
    assert outcome.errors > 1 and outcome.latencies
    assert outcome.first_error == "503: busy" or "Content-Length" in outcome.first_error


def test_a_server_that_is_not_there_is_not_asked_without_end() -> None:
    (port,) = free_ports(1)
    job = Job("http", ["a"], 0.0, 0.3, port)
    outcome = drive(job, *prepare(job), lambda word: None)
    assert 1 <= outcome.errors <= 10 and "Connect" in outcome.first_error


def test_a_slow_request_is_waited_for_but_not_counted() -> None:
    done = []

    async def answer(number: int, body: bytes) -> bytes:
        await asyncio.sleep(1.0)
        done.append(number)
        return ok()

    outcome, _, bodies = run(answer, clients=2, seconds=0.2)
    assert outcome.latencies == [] and len(done) == len(bodies) == 4  # the first two before the measured time


def test_clients_send_requests_of_several_texts() -> None:
    async def answer(number: int, body: bytes) -> bytes:
        await asyncio.sleep(0.01)
        return ok()

    outcome, _, bodies = run(answer, api="http", texts_each=3)
    sent = [json.loads(body)["inputs"][0]["data"] for body in bodies]
    assert not outcome.errors and outcome.latencies
    assert sorted(sent[:2]) == [["a", "b", "c"], ["d", "a", "b"]]


def test_the_measured_time_begins_when_each_client_has_had_an_answer() -> None:
    """However short the warm-up is: the first answers of the two clients take longer than all of it."""
    answered: list[int] = []

    async def answer(number: int, body: bytes) -> bytes:
        await asyncio.sleep(0.5 if number <= 2 else 0.01)
        answered.append(number)
        return ok()

    outcome, _, bodies = run(answer, clients=2, seconds=0.3)
    assert {1, 2} <= set(answered)
    assert 0 < len(outcome.latencies) <= len(bodies) - 2


def test_a_connection_that_the_server_has_closed_meanwhile_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        caller = connect("peer", "127.0.0.1", listening.getsockname()[1], 5.0)

        def answer_once() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(ok())

        for _ in range(2):
            thread = threading.Thread(target=answer_once)
            thread.start()
            assert caller.call(b"a") == ""
            thread.join()  # the connection is closed
    caller.close()


def test_a_server_that_does_not_answer_in_time_is_given_up() -> None:
    async def answer(number: int, body: bytes) -> bytes:
        await asyncio.sleep(0.5)
        return ok()

    with serving(answer, []) as port:
        assert connect("peer", "127.0.0.1", port, 0.1).call(b"a") == "no answer within 0.1 s"


@pytest.mark.parametrize("api", ["http", "grpc"])
def test_without_texts_there_is_nothing_to_send(api: Api) -> None:
    with pytest.raises(ValueError, match="there are no texts to send"):
        prepare(Job(api, [], 0.0, 0.1))
