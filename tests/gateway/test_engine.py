"""The conversation with Triton where it breaks."""

from __future__ import annotations

import asyncio

from gateway.engine import HttpEngine, Reply
from gateway.errors import Problem


def with_server(answers: list[bytes | None], timeout_s: float) -> tuple[Reply | Problem, int]:
    """What an engine makes of a server that answers each connection with bytes and ends it; None: with silence."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        answer = answers[asked]
        asked += 1
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    async def run() -> Reply | Problem:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        engine = HttpEngine("127.0.0.1", server.sockets[0].getsockname()[1], timeout_s)
        try:
            return await engine.ask("GET", "/v2")
        except Problem as problem:
            return problem
        finally:
            engine.close()
            server.close()

    return asyncio.run(run()), asked


def test_a_request_is_repeated_once_when_its_connection_breaks() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    found, asked = with_server([whole[:-1], whole], 10)
    assert isinstance(found, Reply) and (found.status, found.body, asked) == (200, b"ok", 2)
    found, asked = with_server([b"", b""], 10)
    assert isinstance(found, Problem) and (found.status, asked) == (503, 2) and "can't be reached" in found.detail


def test_a_silent_engine_is_given_up_after_the_time_and_not_asked_again() -> None:
    found, asked = with_server([None, None], 0.05)
    assert isinstance(found, Problem) and (found.status, asked) == (503, 1) and "no answer in 0.05 s" in found.detail
