"""How long a run waits for a server that is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..errors import BulkError, ModelNotFoundError, ServerError, ServerUnavailableError, TaggerError, TaggerTimeoutError

logger = logging.getLogger(__name__)

_WORTH_WAITING = (ServerUnavailableError, TaggerTimeoutError)
_SHORTEST, _LONGEST = 0.25, 5.0
_SERVER_ERROR_SECONDS = 15.0


class Patience:
    """Shared by all requests of a run: it ends when none of them was answered for `limit` seconds.

    Args:
        limit: Seconds.
        clock: Seconds, only ever growing.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._since: float | None = None
        self._ever_answered = False

    def answered(self) -> None:
        """Notes that the server has answered."""
        if self._since is not None:
            logger.warning("the server answers again")
        self._since = None
        self._ever_answered = True

    def wait_after(self, error: TaggerError, chance: float) -> float:
        """Seconds to wait before asking again.

        Args:
            error: What the last request ended with.
            chance: A random number in [0, 1).

        Raises:
            BulkError: The patience is at its end.
            TaggerError: `error` itself, when waiting does not help.
        """
        now = self._clock()
        # A model that was there and is not found is being replaced; one that never was will not come.
        if isinstance(error, ModelNotFoundError) and not self._ever_answered:
            raise error
        if not isinstance(error, (*_WORTH_WAITING, ModelNotFoundError, ServerError)):
            raise error
        if self._since is None:
            self._since = now
            logger.warning("%s; waiting up to %g seconds", error, self._limit)
        waited = now - self._since
        # A process of the server that died is soon started again; a model that is broken stays so.
        if isinstance(error, ServerError) and waited >= _SERVER_ERROR_SECONDS:
            raise error
        remaining = self._limit - waited
        if remaining <= 0:
            raise BulkError(f"no answer for {self._limit:g} seconds: {error}")
        # Many requests fail at once, so their number says nothing: the wait grows with the time that has passed.
        ceiling = min(max(waited, _SHORTEST), _LONGEST)
        told = (error.retry_after or 0.0) if isinstance(error, ServerUnavailableError) else 0.0
        return min(told + ceiling * (0.5 + 0.5 * chance), remaining)
