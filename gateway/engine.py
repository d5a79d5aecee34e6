"""Asks Triton over HTTP on this machine, with tensors in the binary form: one Triton, or whichever is the current one.

A general HTTP client costs 0.2 ms of processor time a request more than these few lines (docs/explanation/serving.md),
and the other side is always Triton, which gives a Content-Length.
"""

from __future__ import annotations

import asyncio
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.answers import Labels, pack_strings, read_rows
from gateway.errors import BackendLost, BadText, Problem

MODEL = "product_tagger"
_BAD_ROW = re.compile(r"row (\d+): (.*)", re.S)
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Reply:
    """Status, headers with names in lower case, and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class HasEngine(Protocol):
    """A backend."""

    @property
    def engine(self) -> Engine:
        """Asks it."""


class Engine(ABC):
    """What Triton is asked for; how a request gets there, the kinds of it know."""

    @abstractmethod
    async def ask(self, method: str, path: str, body: bytes = b"", json_bytes: int | None = None) -> Reply:
        """One request, which is safe to repeat.

        Args:
            method: Of HTTP.
            path: With the query.
            body: JSON, with tensors in the binary form behind it.
            json_bytes: Length of the JSON where tensors follow.

        Raises:
            Problem: No answer; BackendLost where the server can't be reached.
        """

    async def infer(self, texts: list[bytes]) -> list[Labels | BadText]:
        """Labels of texts, in their order. Triton refuses a request whole; here a bad text spoils no other.

        Raises:
            Problem: Triton does not answer, or only with an error of its own.
        """
        reply = await self._ask_texts(texts)
        if reply.status == 200:
            return list(_labels(reply, len(texts)))
        message = reason_of(reply)
        found = _BAD_ROW.search(message)
        if reply.status == 400 and found and int(found.group(1)) < len(texts):
            row = int(found.group(1))
            before, behind = await asyncio.gather(self._some(texts[:row]), self._some(texts[row + 1 :]))
            return [*before, BadText(found.group(2)), *behind]
        if reply.status == 503:
            raise Problem(503, message, 1.0)
        raise Problem(502, f"The engine answered with an error ({reply.status}): {message}")

    async def _some(self, texts: list[bytes]) -> list[Labels | BadText]:
        return await self.infer(texts) if texts else []

    async def config(self) -> dict[str, Any]:
        """The model's configuration."""
        reply = await self.ask("GET", f"/v2/models/{MODEL}/config")
        if reply.status != 200:
            raise Problem(503, f"The engine does not tell its labels: {reason_of(reply)}", 1.0)
        found: dict[str, Any] = json.loads(reply.body)
        return found

    async def labels(self) -> list[str]:
        """All labels, `category/…` then `tag/…`, in the order of the probabilities."""
        body = {
            "inputs": [{"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": ["dress"]}],
            "outputs": [{"name": "SCORES", "parameters": {"classification": 1_000_000}}],
        }
        reply = await self.ask("POST", "/v2/models/product_scores/infer", json.dumps(body).encode())
        if reply.status != 200:
            raise Problem(503, f"The engine does not tell its labels: {reason_of(reply)}", 1.0)
        told = json.loads(reply.body)["outputs"][0]["data"]
        numbered = sorted((int(one.split(":", 2)[1]), one.split(":", 2)[2]) for one in told)
        return [label for _, label in numbered]

    async def _ask_texts(self, texts: Sequence[bytes]) -> Reply:
        tensor = pack_strings(texts)
        shape = [len(texts), 1]
        described = {
            "name": "TEXT",
            "datatype": "BYTES",
            "shape": shape,
            "parameters": {"binary_data_size": len(tensor)},
        }
        head = json.dumps({"inputs": [described], "parameters": {"binary_data_output": True}}).encode()
        return await self.ask("POST", f"/v2/models/{MODEL}/infer", head + tensor, len(head))


class CurrentEngine(Engine):
    """The Triton that is current at the moment of each request.

    Args:
        call: Does something with the current backend (`Backends.call`).
    """

    def __init__(self, call: Callable[[Callable[[HasEngine], Awaitable[Reply]]], Awaitable[Reply]]) -> None:
        self._call = call

    async def ask(self, method: str, path: str, body: bytes = b"", json_bytes: int | None = None) -> Reply:
        """One request, repeated once with the next backend where this one is lost."""
        return await self._call(lambda backend: backend.engine.ask(method, path, body, json_bytes))


class HttpEngine(Engine):
    """One Triton.

    Args:
        host: Where it listens.
        port: Its HTTP port.
        timeout_s: For one request, in seconds.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._host = host
        self._port = port
        self._timeout_s = timeout_s
        self._idle: list[_Connection] = []
        self._closed = False

    async def ask(self, method: str, path: str, body: bytes = b"", json_bytes: int | None = None) -> Reply:
        """One request; it is repeated once when the connection breaks, as asking twice changes nothing."""
        split = "" if json_bytes is None else f"Inference-Header-Content-Length: {json_bytes}\r\n"
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{split}Content-Length: {len(body)}\r\n\r\n"
        for attempt in (1, 2):
            try:
                reply = await self._exchange(head.encode() + body, fresh=attempt > 1)
            except (OSError, EOFError, ValueError):
                continue
            if reply.status == 500 and says_lost(reason_of(reply)):
                break
            return reply
        raise BackendLost

    async def _exchange(self, request: bytes, *, fresh: bool) -> Reply:
        if self._idle and not fresh:
            reader, writer = self._idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        complete = late = False

        def end() -> None:
            nonlocal late
            late = True
            writer.transport.abort()

        # Not wait_for, which makes a task of its own for every request.
        timer = asyncio.get_running_loop().call_later(self._timeout_s, end)
        try:
            writer.write(request)
            status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            complete = True
            return Reply(int(status.split(" ", 2)[1]), headers, body)
        except (OSError, EOFError):
            if late:
                told = f"The engine gave no answer in {self._timeout_s:g} s. Ask again later."
                raise Problem(503, told, 5.0) from None
            raise
        finally:
            timer.cancel()
            if complete and not self._closed:
                self._idle.append((reader, writer))
            else:
                writer.close()

    def close(self) -> None:
        """Closes the connections; one that is in use, when it has its answer."""
        self._closed = True
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


def says_lost(message: str) -> bool:
    """Whether Triton's words for an error mean that a process of a model ended: another Triton will answer."""
    return "Stub process" in message and "is not healthy" in message


def _labels(reply: Reply, count: int) -> list[Labels]:
    split = int(reply.headers["inference-header-content-length"])
    outputs, place = {}, split
    for output in json.loads(reply.body[:split])["outputs"]:
        size = int(output["parameters"]["binary_data_size"])
        outputs[output["name"]] = reply.body[place : place + size]
        place += size
    return read_rows(outputs, count)


def reason_of(reply: Reply) -> str:
    """What an answer with an error says."""
    try:
        return str(json.loads(reply.body)["error"])
    except (ValueError, KeyError, TypeError):
        return reply.body[:200].decode("utf-8", "replace") or f"status {reply.status}"
