"""Asks through either client as if both were blocking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from product_tagger_client import AsyncProductTagger, ProductTagger


def ask(asynchronous: bool, url: str, method: str, *arguments: Any, call: Any = None, **settings: Any) -> Any:
    """Opens a client, calls one method, closes it. `call` has the method's arguments by name."""
    call = call or {}
    if not asynchronous:
        with ProductTagger(url, **settings) as tagger:
            return getattr(tagger, method)(*arguments, **call)

    async def run() -> Any:
        async with AsyncProductTagger(url, **settings) as tagger:
            answer: Callable[..., Awaitable[Any]] = getattr(tagger, method)
            return await answer(*arguments, **call)

    return asyncio.run(run())
