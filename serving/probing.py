"""Whether a Triton still answers texts, asked every few seconds: a hanging one is told from a busy one."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Protocol

from serving.health import TAGGER, Endpoint, infer_body

EVERY_S = 3.0
AGAIN_S = 1.0
"""After a probe that failed."""
LONGEST_S = 5.0
"""For one probe; less where requests may not wait as long (serving.request_timeout_ms)."""


class Question(Protocol):
    """One probe on its way."""

    def status(self) -> int | None:
        """The HTTP status; 0 for a broken connection, None while there is no answer yet."""

    def close(self) -> None:
        """Gives it up."""


class SocketQuestion:
    """A probe text over a connection of its own; nobody has to wait for the answer.

    Args:
        endpoint: The server's HTTP side.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._answer = b""
        self._socket: socket.socket | None = None
        body = infer_body().encode()
        head = f"POST /v2/models/{TAGGER}/infer HTTP/1.1\r\nHost: {endpoint.host}\r\nConnection: close\r\n"
        with contextlib.suppress(OSError):
            self._socket = socket.create_connection((endpoint.host, endpoint.port), timeout=1.0)
            self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            self._socket.setblocking(False)

    def status(self) -> int | None:
        """The HTTP status; 0 for a broken connection, None while there is no answer yet."""
        if self._socket is None:
            return 0
        try:
            data = self._socket.recv(4096)
        except BlockingIOError:
            return None
        except OSError:
            return 0
        self._answer += data
        words = self._answer.split(b" ", 2)
        if len(words) == 3:
            return int(words[1]) if words[1].isdigit() else 0
        return None if data else 0

    def close(self) -> None:
        """Gives it up."""
        if self._socket is not None:
            self._socket.close()


class Watch:
    """Asks from time to time, and says when a server hangs.

    It hangs when probes fail, and meanwhile no text at all has been answered. A busy server refuses a probe too, or
    lets it wait, but goes on answering others.

    Args:
        ask: Sends a probe.
        answered: How many requests the server has answered; None when it doesn't say.
        timeout_s: For one probe, in seconds.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        ask: Callable[[], Question],
        answered: Callable[[], float | None],
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._answered = answered
        self._timeout_s = timeout_s
        self._clock = clock
        self._question: Question | None = None
        self._asked_s = clock()
        self._hangs = False
        self._still: tuple[float, float | None] | None = None  # since when, and the count that does not move

    @classmethod
    def of(cls, endpoint: Endpoint, request_timeout_ms: int) -> Watch:
        """Watches one server; nothing waits in it for longer than the time-out (0: no limit)."""
        timeout_s = min(LONGEST_S, request_timeout_ms / 1000) if request_timeout_ms else LONGEST_S
        quick = Endpoint(endpoint.host, endpoint.port, timeout=2.0)
        return cls(lambda: SocketQuestion(quick), lambda: quick.counts().get("answered"), timeout_s)

    def hangs(self) -> bool:
        """Whether the server hangs, as far as is known now. To be called again and again; it never waits."""
        now = self._clock()
        if self._question is None:
            if now - self._asked_s < (EVERY_S if self._still is None else AGAIN_S):
                return self._hangs
            self._question, self._asked_s = self._ask(), now
        status = self._question.status()
        if status is not None or now - self._asked_s >= self._timeout_s:
            self.close()
            self._judge(status, now)
        return self._hangs

    def _judge(self, status: int | None, now: float) -> None:
        if status == 200:
            self._still, self._hangs = None, False
            return
        count = self._answered()
        if self._still is None or self._still[1] != count:
            self._still, self._hangs = (now, count), False
        else:
            self._hangs = now - self._still[0] >= self._timeout_s

    def close(self) -> None:
        """Gives up the probe that is on its way."""
        if self._question is not None:
            self._question.close()
            self._question = None
