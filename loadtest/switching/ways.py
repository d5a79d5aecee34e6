"""The ways to ask for one text, without a second attempt: whatever goes wrong shows."""

from __future__ import annotations

import asyncio
import json
import struct
from abc import ABC, abstractmethod
from typing import NamedTuple

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2

from loadtest.requests import METHOD, PATHS, Api, encode


class Answer(NamedTuple):
    """Category (empty for an abstention) and its probability."""

    category: str
    score: float


class Failed(Exception):
    """No answer; the message says what came instead."""


class Way(ABC):
    """One client's connection."""

    @abstractmethod
    async def ask(self, request: bytes) -> Answer:
        """The answer to a request of `encode`.

        Raises:
            Failed: There is none.
        """

    @abstractmethod
    async def close(self) -> None:
        """Ends the connection."""


class HttpWay(Way):
    """A kept-alive connection for /tag or for the Open Inference Protocol."""

    def __init__(self, api: Api, host: str, port: int, timeout_s: float) -> None:
        self._api = api
        self._host, self._port = host, port
        self._timeout_s = timeout_s
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Answer:
        """The answer to a request."""
        try:
            status, body = await asyncio.wait_for(self._exchange(request), self._timeout_s)
        except asyncio.TimeoutError:
            await self.close()
            raise Failed(f"no answer within {self._timeout_s:g} s") from None
        except (OSError, EOFError, ValueError) as error:
            await self.close()
            raise Failed(type(error).__name__) from None
        if status != 200:
            raise Failed(f"{status}: {body[:200].decode('utf-8', 'replace')}")
        return _read_tag(body) if self._api == "peer" else _read_json(body)

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = f"POST {PATHS[self._api]} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(request)}\r\n\r\n"
        writer.write(head.encode() + request)
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")[:-2]
        headers = dict(line.split(": ", 1) for line in lines)
        body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            await self.close()
        return int(status.split(" ", 2)[1]), body

    async def close(self) -> None:
        """Ends the connection; the next question opens another one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class GrpcWay(Way):
    """A channel of its own."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        self._timeout_s = timeout_s
        self._channel = grpc.aio.insecure_channel(f"{host}:{port}", options=options)
        self._call = self._channel.unary_unary(METHOD, None, service_pb2.ModelInferResponse.FromString)

    async def ask(self, request: bytes) -> Answer:
        """The answer to a request."""
        try:
            answer = await self._call(request, timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            raise Failed(f"{error.code().name}: {error.details()}") from None
        raw = {output.name: one for output, one in zip(answer.outputs, answer.raw_output_contents, strict=True)}
        return Answer(raw["CATEGORY"][4:].decode(), struct.unpack("<f", raw["CATEGORY_SCORE"])[0])

    async def close(self) -> None:
        """Ends the channel."""
        await self._channel.close()


def connect(api: Api, host: str, ports: dict[Api, int], timeout_s: float) -> Way:
    """A connection for one way to ask."""
    if api == "grpc":
        return GrpcWay(host, ports[api], timeout_s)
    return HttpWay(api, host, ports[api], timeout_s)


def requests_of(api: Api, texts: list[str]) -> list[bytes]:
    """One request a text."""
    return [encode(api, [text]) for text in texts]


def _read_tag(body: bytes) -> Answer:
    told = json.loads(body)
    return Answer(told["category"] or "", told["score"])


def _read_json(body: bytes) -> Answer:
    outputs = {output["name"]: output["data"] for output in json.loads(body)["outputs"]}
    return Answer(outputs["CATEGORY"][0], outputs["CATEGORY_SCORE"][0])
