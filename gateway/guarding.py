"""Lets requests over HTTP pass whose caller may ask."""

from __future__ import annotations

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
        headers: dict[bytes, bytes] = dict(scope["headers"])
        try:
            if not self._keys.is_needed():
                require_local(
                    scope["client"][0] if scope["client"] else None,
                    headers.get(b"host", b"").decode("latin-1"),
                    headers[b"origin"].decode("latin-1") if b"origin" in headers else None,
                    headers.get(b"sec-fetch-site", b"").decode("latin-1"),
                )
                await self._app(scope, receive, send)
            elif scope["path"] in OPEN:
                await self._app(scope, receive, send)
            else:
                with self._keys.admitted(headers.get(b"authorization", b"").decode("latin-1")) as key:
                    record_of(scope).key = key.name
                    await self._app(scope, receive, send)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)
