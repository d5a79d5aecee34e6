"""Whether texts are answered: what a probe text says."""

from __future__ import annotations

import asyncio
import math
import time

from gateway.engine import Engine
from gateway.errors import BadText, Problem

PROBE = b"Women's cotton summer dress, size M"
ROOM_FOR_PROBE_S = 5.0
KEPT_S = 1.0
"""Anyone may ask for the health, without a key: it costs a text a second at most."""


class Readiness:
    """Has a probe text tagged when somebody asks.

    Args:
        engine: What tags it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found: Problem | None = None
        self._found_s = -math.inf
        self._lock = asyncio.Lock()

    async def require(self) -> None:
        """Returns where texts are answered.

        Raises:
            Problem: They are not (503).
        """
        async with self._lock:
            if time.monotonic() - self._found_s >= KEPT_S:
                self._found = await self._probe()
                self._found_s = time.monotonic()
        if self._found is not None:
            raise self._found

    async def _probe(self) -> Problem | None:
        try:
            (row,) = await asyncio.wait_for(self._engine.infer([PROBE]), ROOM_FOR_PROBE_S)
        except asyncio.TimeoutError:
            return Problem(503, f"A probe text was not answered within {ROOM_FOR_PROBE_S:g} s.", 5.0)
        except Problem as problem:
            return problem if problem.status == 503 else Problem(503, problem.detail, 5.0)
        return Problem(503, f"A probe text was refused: {row}", 5.0) if isinstance(row, BadText) else None
