"""uvicorn's HTTP connection with the bounds it has none for: time for a request, header bytes, tiny chunks."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 32 << 10
MAX_SMALL_CHUNKS = 4096
"""More chunks than this must hold 64 bytes each on average."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection that is closed when a request does not arrive whole in time, or has too much around its body."""

    receive_timeout_s = 10.0
    max_connections = 1024

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Makes room for a connection beyond the bound: the one goes that has kept its request back the longest."""
        self._timer: asyncio.TimerHandle | None = None
        self._begin()
        super().connection_made(transport)
        self._start_timer()
        if len(self.connections) > self.max_connections:
            held = [one for one in self.connections if isinstance(one, BoundedProtocol) and one.is_late_by is not None]
            max(held, key=lambda one: one.is_late_by or 0.0)._drop()

    @property
    def is_late_by(self) -> float | None:
        """Seconds since the connection began to owe a request; None where it owes none."""
        return None if self._timer is None else self.loop.time() - self._owed_since

    def _drop(self) -> None:
        self.connections.discard(self)
        self.transport.abort()

    def _begin(self) -> None:
        self._in_headers, self._complete = True, False
        self._header_bytes = self._chunks = self._body_bytes = 0

    def _start_timer(self) -> None:
        if self._timer is None:
            self._owed_since = self.loop.time()
            self._timer = self.loop.call_later(self.receive_timeout_s, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        self._refuse(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    def _refuse(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(answer)
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Counts what comes before the body."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_headers:  # counted behind the parser, which begins the count anew with each request
            self._header_bytes += len(data)
        if self._in_headers and self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        elif self._chunks > MAX_SMALL_CHUNKS and self._body_bytes < 64 * self._chunks:
            self._refuse(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        elif not self._complete:
            self._start_timer()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its headers are there."""
        self._in_headers = False
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """A chunk begins."""
        self._chunks += 1

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is there whole."""
        self._complete = True
        self._stop_timer()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._stop_timer()
        super().connection_lost(exc)
