"""The load generator: so many clients, each sending its next request when it has the answer to the last.

It runs as a process of its own, the same for every server: `python -m loadtest.bench.load` reads a Job as JSON from
standard input, writes `begin` and `end` around the measured time, and then an Outcome. Requests are encoded before the
time begins, and answers only checked for success: the generator shares the cores with the server, and what it computes
is taken from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import uvloop

from loadtest.bench.requests import GRPC, encode, grouped

FIRST_ANSWER_SECONDS = 60
"""So long the measured time waits for each client's first answer, of whatever kind."""
METHOD = "/inference.GRPCInferenceService/ModelInfer"


@dataclass(frozen=True)
class Job:
    """What is to be measured.

    Attributes:
        api: `triton-grpc`, `triton-http` or `peer-http`.
        port: Where the server listens on 127.0.0.1.
        clients: How many ask at once.
        warm_up: Seconds before the measured time; more where a client has had no answer by then.
        seconds: The measured time.
        texts: What is sent, in turns.
        texts_each: How many in each request.
    """

    api: str
    port: int
    clients: int
    warm_up: float
    seconds: float
    texts: Sequence[str]
    texts_each: int = 1


@dataclass
class Outcome:
    """What was measured; only requests that ended within the measured time count.

    Attributes:
        latencies: Seconds of each answered request.
        errors: How many requests were not answered.
        first_error: What the first of them got instead.
        seconds: The measured time, as it was.
        cpu_seconds: What this process computed in that time.
    """

    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class Caller(Protocol):
    """One client's connection."""

    async def call(self, request: bytes) -> str:
        """Sends a request and waits for the answer; empty when it was a good one, else what came instead."""
        ...

    async def close(self) -> None:
        """Closes the connection."""
        ...


class HttpCaller:
    """One connection that is kept alive; no more of HTTP/1.1 than the two servers speak."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, request: bytes) -> str:
        """Sends a whole request, head and body."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_content_length(head))
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            await self.close()
            return f"{type(error).__name__}: {error}"
        status = head[9:12]
        return "" if status == b"200" else f"{status.decode()}: {body[:200].decode('utf-8', 'replace')}"

    async def close(self) -> None:
        """Closes the connection; the next call opens another."""
        if self._streams is not None:
            self._streams[1].close()
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
            self._streams = None


class GrpcCaller:
    """One channel with a connection of its own; bytes in, bytes out."""

    def __init__(self, port: int) -> None:
        import grpc.aio

        self._error = grpc.aio.AioRpcError
        # Without this all channels to one address share one connection.
        own = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=own)
        self._method = self._channel.unary_unary(METHOD)

    async def call(self, request: bytes) -> str:
        """Sends an encoded ModelInferRequest."""
        try:
            await self._method(request)
        except self._error as error:
            return f"{error.code().name}: {error.details()}"
        return ""

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError("an answer without Content-Length")


async def drive(job: Job, tell: Callable[[str], None]) -> Outcome:
    """Runs a job.

    Args:
        job: What is to be measured.
        tell: Called with `begin` and `end`, right when the measured time does.

    Raises:
        ValueError: There is nothing to send.
    """
    requests = [encode(job.api, texts, job.port) for texts in grouped(job.texts, job.texts_each)]
    callers: list[Caller] = [
        GrpcCaller(job.port) if job.api == GRPC else HttpCaller(job.port) for _ in range(job.clients)
    ]
    outcome = Outcome()
    state = {"measuring": False, "ended": False}
    first = asyncio.Semaphore(0)

    async def client(caller: Caller, start: int) -> None:
        answered = False
        for request in itertools.islice(itertools.cycle(requests), start, None):
            began = time.perf_counter()
            problem = await caller.call(request)
            took = time.perf_counter() - began
            if not answered:
                answered = True
                first.release()
            if state["measuring"]:
                if problem:
                    outcome.errors += 1
                    outcome.first_error = outcome.first_error or problem
                else:
                    outcome.latencies.append(took)
            if state["ended"]:
                break
            if problem:
                await asyncio.sleep(0.05)  # a server that is away must not be asked a hundred thousand times

    # The clients begin at different requests, so that no two ask the same at once.
    step = len(requests) / job.clients
    clients = [asyncio.ensure_future(client(caller, int(i * step))) for i, caller in enumerate(callers)]
    await asyncio.gather(asyncio.sleep(job.warm_up), _all_answered(first, job.clients))
    tell("begin")
    began, cpu = time.perf_counter(), time.process_time()
    state["measuring"] = True
    await asyncio.sleep(job.seconds)
    state["measuring"], state["ended"] = False, True
    outcome.seconds, outcome.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    tell("end")
    # What is on its way is waited for: left behind, it would still occupy the server when the next one is measured.
    await asyncio.gather(*clients)
    await asyncio.gather(*(caller.close() for caller in callers))
    return outcome


async def _all_answered(first: asyncio.Semaphore, clients: int) -> None:
    """Waits until each client has had an answer: many connections take longer to open than a short warm-up."""

    async def each() -> None:
        for _ in range(clients):
            await first.acquire()

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(each(), FIRST_ANSWER_SECONDS)


def main() -> int:
    """Reads the job, runs it, writes the outcome."""
    job = Job(**json.load(sys.stdin))

    def tell(word: str) -> None:
        sys.stdout.write(word + "\n")
        sys.stdout.flush()

    outcome = uvloop.run(drive(job, tell))
    tell(json.dumps(dataclasses.asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
