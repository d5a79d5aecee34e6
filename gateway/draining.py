"""Stopping: what is in flight is answered, what comes then is refused."""

from __future__ import annotations

import asyncio
import contextlib
import json

from starlette.types import ASGIApp, Receive, Scope, Send

RETRY_AFTER_S = 5
_REFUSAL = json.dumps(
    {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "The server stops. Ask again later.",
    }
).encode()


class Draining:
    """An ASGI application that counts the requests of another one, and refuses new ones when it stops.

    Args:
        app: The other one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._in_flight = 0
        self._stopping = False
        self._idle = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it with 503."""
        if self._stopping and scope["type"] == "http":
            headers = [
                (b"content-type", b"application/problem+json"),
                (b"content-length", str(len(_REFUSAL)).encode()),
                (b"retry-after", str(RETRY_AFTER_S).encode()),
                (b"connection", b"close"),
            ]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSAL})
            return
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def stop(self, patience_s: float) -> None:
        """Refuses what comes from now on, and returns when the rest is answered, or after so many seconds."""
        self._stopping = True
        if self._in_flight:
            self._idle.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._idle.wait(), patience_s)
