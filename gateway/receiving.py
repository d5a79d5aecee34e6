"""A request as it comes in: its body within bounds, and whether its sender is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from starlette.requests import Request

from gateway.answers import Labels
from gateway.errors import BadText, CallerLeft, Problem
from gateway.joining import Joiner

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
"""What `curl -d` says of JSON. A web page may send it to any server, so it must not come from a browser."""
_OF_BROWSERS = ("origin", "referer", "sec-fetch-site", "sec-fetch-mode", "cookie")


async def read_body(request: Request, most: int, types: Collection[str]) -> bytes:
    """The body, not compressed; more of it than the bound is never read.

    Args:
        request: Whose body it is.
        most: Bytes.
        types: Content types that are taken, an empty one where the header may be missing.

    Raises:
        Problem: 413, 415.
        CallerLeft: The connection ended before.
    """
    headers = request.headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in types or (kind != JSON and any(name in headers for name in _OF_BROWSERS)):
        raise Problem(415, "Send JSON, with the header `Content-Type: application/json`.")
    if headers.get("content-encoding", "identity").lower() not in ("identity", ""):
        raise Problem(415, "Send the body as it is, without a Content-Encoding.")
    length = headers.get("content-length", "0")
    body = bytearray()
    while int(length) <= most and len(body) <= most:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise CallerLeft
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
    raise Problem(413, f"The body is larger than {most:,} bytes. Send fewer products at a time.")


async def ask_joined(
    request: Request, joiner: Joiner[Labels], texts: Sequence[bytes], timeout_s: float
) -> list[Labels | BadText]:
    """The answers to texts; a caller who leaves meanwhile is not computed for.

    Raises:
        Problem: There is no room, or no answer in time.
        CallerLeft: The connection ended.
    """
    if joiner.idle:  # it passes at once
        return await joiner.ask(texts, timeout_s)
    me = asyncio.current_task()
    assert me is not None
    leaving = asyncio.ensure_future(request.receive())

    def leave(_: asyncio.Future[Any]) -> None:
        me.cancel()

    leaving.add_done_callback(leave)
    try:
        return await joiner.ask(texts, timeout_s)
    except asyncio.CancelledError:
        if leaving.done():
            raise CallerLeft from None
        raise
    finally:
        leaving.remove_done_callback(leave)
        leaving.cancel()
