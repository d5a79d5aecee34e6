"""Lets requests over HTTP pass whose caller may ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admission import KeyRing, require_local
from gateway.errors import Problem
from gateway.problems import problem_response
from gateway.records import record_of

OPEN = frozenset(
    {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/docs", "/openapi.json"},
)
"""What needs no key: whether the server is well, and how it is asked."""


class Guarded:
    """An ASGI application that refuses some of another one's requests.

    Args:
        app: The other one.
        keys: Of its callers.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it with 401, 403 or 429."""
        try:
            with self._admitted(scope):
                await self._app(scope, receive, send)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)

    @contextmanager
    def _admitted(self, scope: Scope) -> Iterator[None]:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if not self._keys.is_needed():
            client = scope["client"][0] if scope["client"] else None
            fetch_site = headers.get(b"sec-fetch-site", "")
            require_local(client, headers.get(b"host", ""), headers.get(b"origin"), fetch_site)
            yield
        elif scope["path"] in OPEN:
            yield
        else:
            with self._keys.admitted(headers.get(b"authorization")) as key:
                record_of(scope).key = key.name
                yield
