"""Connections of HTTP: each wait on one ends at a deadline, and idle ones are kept for the next request."""

from __future__ import annotations

import http.client
import io
import os
import queue
import socket
import ssl
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from .endpoint import Endpoint
from .http_messages import MAX_ANSWER_BYTES, Request, Response

KEEP_IDLE_SECONDS = 30.0
"""A connection that was idle for longer is not used again: a router on the way may have forgotten it."""
_MOST_IDLE = 64
_SILENT_SECONDS = 10


class AnswerTooLarge(http.client.HTTPException):
    """The answer has more bytes than any that a product tagger gives."""


class Connection(http.client.HTTPConnection):
    """A connection whose every wait (name, connect, TLS, sending, reading) ends at `deadline`.

    Attributes:
        deadline: Moment of `time.monotonic`; set before each request.
    """

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None) -> None:
        super().__init__(endpoint.host, endpoint.port)
        self.deadline = float("inf")
        self._tls = tls

    def connect(self) -> None:
        """Opens the connection. Called by http.client when a request is sent."""
        opened = _open(self.host, self.port, self)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            notice_silence(opened)
            if self._tls is not None:
                opened.settimeout(self.remaining())
                opened = self._tls.wrap_socket(opened, server_hostname=self.host)
        except BaseException:
            opened.close()
            raise
        self.sock: Any = _DeadlineSocket(opened, self)

    def remaining(self) -> float:
        """Seconds until the deadline.

        Raises:
            TimeoutError: It is over.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left

    def exchange(self, request: Request, headers: Mapping[str, str], deadline: float) -> Response:
        """Sends a request and reads its answer.

        Args:
            request: What is sent.
            headers: Sent with every request of this client.
            deadline: Moment of `time.monotonic`.

        Raises:
            TimeoutError: It is over.
            OSError: The connection failed or broke.
            HTTPException: What came is not HTTP, or too large.
        """
        self.deadline = deadline
        self.request(request.method, request.path, request.body or None, {**headers, **request.headers})
        with self.getresponse() as answer:
            body = answer.read(MAX_ANSWER_BYTES + 1)
            if len(body) > MAX_ANSWER_BYTES:
                raise AnswerTooLarge
            # read(amount) does not tell an answer that was cut off, as read() does.
            if answer.length:
                raise http.client.IncompleteRead(body, answer.length)
            return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    @property
    def is_usable(self) -> bool:
        """Whether an idle connection is open: one that the other side closed, or talks on unasked, is not."""
        return self.sock is not None and self.sock.is_quiet


class ConnectionPool:
    """Idle connections of one process to one server. The one used last is used next, so that the others grow old."""

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None) -> None:
        self.process = os.getpid()
        self._endpoint = endpoint
        self._tls = tls
        self._idle: list[tuple[float, Connection]] = []
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> tuple[Connection, bool]:
        """A connection for one request at a time, and whether it has been used before."""
        oldest = time.monotonic() - KEEP_IDLE_SECONDS
        while True:
            with self._lock:
                if not self._idle:
                    return self.fresh(), False
                since, connection = self._idle.pop()
            if since > oldest and connection.is_usable:
                return connection, True
            connection.close()

    def fresh(self) -> Connection:
        """A connection that has not been used; it is opened by its first request."""
        return Connection(self._endpoint, self._tls)

    def give_back(self, connection: Connection) -> None:
        """Keeps a connection after its answer has been read."""
        with self._lock:
            self._idle.append((time.monotonic(), connection))
            oldest = time.monotonic() - KEEP_IDLE_SECONDS
            kept = [(since, idle) for since, idle in self._idle[-_MOST_IDLE:] if since > oldest and not self._closed]
            closing = [idle for _, idle in self._idle[: len(self._idle) - len(kept)]]
            self._idle = kept
        for idle in closing:
            idle.close()

    def close(self) -> None:
        """Closes the idle connections; those in use close when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()


class _DeadlineSocket:
    """What http.client needs of a socket."""

    def __init__(self, opened: socket.socket, connection: Connection) -> None:
        self._socket = opened
        self._connection = connection

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._socket.settimeout(self._connection.remaining())
            view = view[self._socket.send(view) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self), 65_536)

    def recv_into(self, buffer: Any) -> int:
        self._socket.settimeout(self._connection.remaining())
        return self._socket.recv_into(buffer)

    @property
    def is_quiet(self) -> bool:
        self._socket.settimeout(0)
        try:
            # Below TLS, which knows no peeking.
            socket.socket.recv(self._socket, 1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, source: _DeadlineSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.recv_into(buffer)


def _open(host: str, port: int, connection: Connection) -> socket.socket:
    """A connected socket: of the first of the host's addresses that answers."""
    failure: OSError | None = None
    for family, kind, protocol, _, address in _addresses(host, port, connection.remaining()):
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(connection.remaining())
            opened.connect(address)
            return opened
        except OSError as error:
            opened.close()
            failure = error
        except BaseException:
            opened.close()
            raise
    raise failure or OSError(f"the name {host} has no address")


def _addresses(host: str, port: int, timeout: float) -> list[Any]:
    """What the host's name means. Asking for it knows no time-out of its own, so a thread waits for it."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # a name, not an address
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name="resolve-name").start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"the name {host} was not resolved in time") from None
    if isinstance(answer, Exception):
        raise OSError(f"the name {host} cannot be resolved: {answer}") from answer
    addresses: list[Any] = answer
    return addresses


def notice_silence(opened: socket.socket) -> None:
    """Has the system notice within seconds that nobody is at the other end any more, though no one said so."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2 * _SILENT_SECONDS * 1000)
