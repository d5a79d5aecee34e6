"""The load generator on a server whose answers and times the test decides on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from tritonclient.grpc import service_pb2

from loadtest.bench.load import Job, Outcome, drive
from loadtest.bench.requests import encode, grouped

Answer = Callable[[int, bytes], Awaitable[bytes]]


def ok(body: bytes = b"{}") -> bytes:
    """A good answer."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def run(
    answer: Answer, clients: int = 2, seconds: float = 0.4, api: str = "peer-http", texts_each: int = 1
) -> tuple[Outcome, list[str], list[bytes]]:
    """Drives a server for a while: what was measured, what was told, and the bodies that came."""
    told: list[str] = []
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                bodies.append(await reader.readexactly(length))
                writer.write(await answer(len(bodies), bodies[-1]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def both() -> Outcome:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        job = Job(api, port, clients, 0.1, seconds, ["a", "b", "c", "d"], texts_each)
        outcome = await drive(job, told.append)
        server.close()
        return outcome

    return asyncio.run(both()), told, bodies


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
    async def nobody() -> Outcome:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return await drive(Job("triton-http", port, 1, 0.0, 0.3, ["a"]), lambda word: None)

    outcome = asyncio.run(nobody())
    assert 1 <= outcome.errors <= 10 and "Connect" in outcome.first_error


def test_a_slow_request_is_waited_for_but_not_counted() -> None:
    done = []

    async def answer(number: int, body: bytes) -> bytes:
        await asyncio.sleep(1.0)
        done.append(number)
        return ok()

    outcome, _, bodies = run(answer, clients=2, seconds=0.2)
    assert outcome.latencies == [] and len(done) == len(bodies) == 4  # the first two before the measured time


@pytest.mark.parametrize("text", ["red dress", '手机支架 "车载"\n', ""])
def test_requests_hold_the_text_as_the_servers_want_it(text: str) -> None:
    head, _, body = encode("triton-http", [text], 8000).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2/models/product_tagger/infer HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    tensor = json.loads(body)["inputs"][0]
    assert tensor == {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": [text]}
    assert json.loads(encode("peer-http", [text], 8000).partition(b"\r\n\r\n")[2]) == {"text": text}
    request = service_pb2.ModelInferRequest.FromString(encode("triton-grpc", [text], 8000))
    assert request.model_name == "product_tagger" and request.inputs[0].shape == [1, 1]
    assert request.inputs[0].contents.bytes_contents == [text.encode()]


def test_a_request_of_several_texts_holds_a_row_for_each() -> None:
    texts = ["red dress", "手机支架", "tea"]
    tensor = json.loads(encode("triton-http", texts, 8000).partition(b"\r\n\r\n")[2])["inputs"][0]
    assert tensor == {"name": "TEXT", "datatype": "BYTES", "shape": [3, 1], "data": texts}
    tensor = service_pb2.ModelInferRequest.FromString(encode("triton-grpc", texts, 8000)).inputs[0]
    assert tensor.shape == [3, 1] and tensor.contents.bytes_contents == [text.encode() for text in texts]


@pytest.mark.parametrize(("api", "texts"), [("peer-http", ["a", "b"]), ("triton-http", []), ("triton-grpc", [])])
def test_a_request_that_a_server_can_not_take_is_refused(api: str, texts: list[str]) -> None:
    with pytest.raises(ValueError, match=f"a request to {api} can't hold {len(texts)} texts"):
        encode(api, texts, 8000)


def test_texts_are_grouped_without_leaving_one_out_and_groups_are_of_one_size() -> None:
    assert grouped(["a", "b", "c"], 2) == [["a", "b"], ["c", "a"]]
    assert grouped(["a"], 3) == [["a", "a", "a"]]
    assert grouped(["a", "b"], 1) == [["a"], ["b"]]
    with pytest.raises(ValueError, match="there are no texts to send"):
        grouped([], 2)


def test_clients_send_requests_of_several_texts() -> None:
    async def answer(number: int, body: bytes) -> bytes:
        await asyncio.sleep(0.01)
        return ok()

    outcome, _, bodies = run(answer, api="triton-http", texts_each=3)
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
