"""Gives each request its id, and notes it when it is answered."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access_log import AccessLog
from gateway.metrics import Metrics
from gateway.records import record_of


class Observed:
    """An ASGI application that notes the requests of another one.

    Args:
        app: The other one.
        log: One line for each.
        metrics: Counts them.
    """

    def __init__(self, app: ASGIApp, log: AccessLog, metrics: Metrics) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            return
        record = record_of(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", record.id.encode())]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began
            self._log.note(record, scope["method"], seconds)
            self._metrics.note(record, seconds)
