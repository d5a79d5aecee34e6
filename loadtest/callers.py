"""One request over HTTP or gRPC, under gevent. Of the answer only its success is looked at.

A load generator often shares its cores with the server, and what it computes is taken from it. So requests are encoded
beforehand, and HTTP is spoken over plain sockets: an HTTP library takes several times as long for a request.
"""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

import grpc
from gevent import socket

from loadtest.requests import METHOD, PATHS, Api

BLOCK = 1 << 16


class Caller(Protocol):
    """A connection, or several, to one server."""

    def call(self, request: Any) -> str:
        """Sends a request and waits for the answer; empty when it was a good one, else what came instead."""
        ...

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        ...


def connect(api: Api, host: str, port: int, timeout: float) -> Caller:
    """A caller for one of the ways to ask; it opens connections when they are needed.

    Args:
        api: How the server is asked.
        host: Where it listens.
        port: Its port for this way.
        timeout: Seconds after which a request is given up.
    """
    return GrpcCaller(host, port, timeout) if api == "grpc" else HttpCaller(host, port, PATHS[api], timeout)


class HttpCaller:
    """Connections that are kept alive, as many as calls wait at once.

    It understands no more of HTTP/1.1 than the servers that are measured speak: answers with a Content-Length.
    """

    def __init__(self, host: str, port: int, path: str, timeout: float) -> None:
        self._address = (host, port)
        self._timeout = timeout
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: "
        self._head = head.encode()
        self._free: list[Any] = []

    def call(self, request: bytes) -> str:
        """Sends the body of a request."""
        try:
            with contextlib.ExitStack() as stack:
                connection = self._connection()
                stack.callback(connection.close)
                connection.sendall(b"%s%d\r\n\r\n%s" % (self._head, len(request), request))
                status, body = _read_answer(connection)
                stack.pop_all()  # only a connection whose answer was read to its end can be used again
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except (OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        self._free.append(connection)
        return "" if status == b"200" else f"{status.decode()}: {body[:200].decode('utf-8', 'replace')}"

    def _connection(self) -> Any:
        while self._free:
            connection = self._free.pop()
            connection.settimeout(0)
            try:
                connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:  # there is nothing to read, not even an end
                connection.settimeout(self._timeout)
                return connection
            except OSError:
                pass
            connection.close()
        return socket.create_connection(self._address, self._timeout)

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        while self._free:
            self._free.pop().close()


def _read_answer(connection: Any) -> tuple[bytes, bytes]:
    """Status and body of an answer."""
    received = b""
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _read_some(connection)
    for line in received[:end].split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            whole = end + 4 + int(value)
            break
    else:
        raise ValueError("an answer without Content-Length")
    while len(received) < whole:
        received += _read_some(connection)
    return received[9:12], received[end + 4 :]


def _read_some(connection: Any) -> bytes:
    some: bytes = connection.recv(BLOCK)
    if not some:
        raise ConnectionError("the server closed the connection")
    return some


class GrpcCaller:
    """A channel with a connection of its own; bytes in, bytes out."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._timeout = timeout
        # Without this all channels to one address share one connection.
        own = [("grpc.use_local_subchannel_pool", 1)]
        self._channel: Any = grpc.insecure_channel(f"{host}:{port}", options=own)
        self._method = self._channel.unary_unary(METHOD)

    def call(self, request: bytes) -> str:
        """Sends an encoded ModelInferRequest."""
        try:
            self._method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            told: Any = error
            if told.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                return f"no answer within {self._timeout:g} s"
            return f"{told.code().name}: {told.details()}"
        return ""

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()
