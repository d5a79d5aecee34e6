"""How long a run waits for a server that is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..errors import BulkError, ModelNotFoundError, ServerError, ServerUnavailableError, TaggerError, TaggerTimeoutError
from ..retries import RetryPolicy

logger = logging.getLogger(__name__)

_WORTH_WAITING = (ServerUnavailableError, TaggerTimeoutError)
_BACKOFF = RetryPolicy(first_delay=0.25, longest_delay=10.0)
_SERVER_ERRORS = 5


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
        self._failures = 0
        self._ever_answered = False

    def answered(self) -> None:
        """Notes that the server has answered."""
        if self._since is not None:
            logger.warning("the server answers again")
        self._since = None
        self._failures = 0
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
        self._failures += 1
        # A model that was there and is not found is being replaced; one that never was will not come.
        if isinstance(error, ModelNotFoundError) and not self._ever_answered:
            raise error
        # A process of the server that died is started again; a model that is broken stays so.
        if isinstance(error, ServerError) and self._failures > _SERVER_ERRORS:
            raise error
        if not isinstance(error, (*_WORTH_WAITING, ModelNotFoundError, ServerError)):
            raise error
        if self._since is None:
            self._since = now
            logger.warning("%s; waiting up to %g seconds", error, self._limit)
        remaining = self._since + self._limit - now
        if remaining <= 0:
            raise BulkError(f"no answer for {self._limit:g} seconds: {error}")
        return min(_BACKOFF.backoff(self._failures, chance), remaining)
