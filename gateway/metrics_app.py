"""GET /metrics: the gateway's own and Triton's, as one page for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.backends import Backends
from gateway.engine import HttpEngine
from gateway.errors import Problem
from gateway.metrics import CONTENT_TYPE, Metrics
from gateway.problems import problem_response

TIMEOUT_S = 5.0


class MetricsApp:
    """An ASGI application of one page.

    Args:
        metrics: The gateway's.
        ask_triton: Gives Triton's page; raises Problem where there is no Triton now.
    """

    def __init__(self, metrics: Metrics, ask_triton: Callable[[], Awaitable[bytes]]) -> None:
        self._metrics = metrics
        self._ask_triton = ask_triton

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request. Without a Triton the gateway's own are told, as they say how long that lasts."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        if request.url.path != "/metrics":
            response = problem_response(Problem(404, "There is only /metrics on this port."))
        elif request.method != "GET":
            response = problem_response(Problem(405, "/metrics takes GET.", headers={"allow": "GET"}))
        else:
            try:
                triton = await self._ask_triton()
            except Problem:
                triton = b""
            response = Response(self._metrics.text() + triton, headers={"content-type": CONTENT_TYPE})
        await response(scope, receive, send)


async def triton_metrics(backends: Backends) -> bytes:
    """The page of the current Triton.

    Raises:
        Problem: There is none, or it does not answer.
    """
    with backends.use() as backend:
        engine = HttpEngine(backend.target.host, backend.target.metrics_port, TIMEOUT_S)
        try:
            return (await engine.ask("GET", "/metrics")).body
        finally:
            engine.close()
