"""Which failures are tried again, and when. Decisions only: nobody sleeps here."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ServerUnavailableError, TaggerError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with jitter, within the caller's time.

    An inference changes nothing on the server, so sending it twice is safe. Tried again is only what another try can
    mend: no connection, UNAVAILABLE, a full queue, a rate that is used up. A refused text stays refused, and a
    time-out has used the time up.

    Attributes:
        retries: Tries after the first; None: as many as the time allows; 0 turns retrying off.
        first_delay: Longest wait before the first retry, in seconds; doubled for each one after it.
        longest_delay: The doubling stops here, in seconds.
    """

    retries: int | None = None
    first_delay: float = 0.1
    longest_delay: float = 5.0

    def __post_init__(self) -> None:
        """Refuses values that mean nothing."""
        if self.retries is not None and self.retries < 0:
            raise ValueError(f"retries is {self.retries}; it must be 0 or more, or None for as many as the time allows")
        if self.first_delay <= 0 or self.longest_delay < self.first_delay:
            raise ValueError(
                f"first_delay is {self.first_delay} and longest_delay {self.longest_delay}; "
                "they must be above 0, the second not the smaller one"
            )

    def backoff(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures in a row.

        Args:
            failures: 1 or more.
            chance: A random number in [0, 1): spreads clients that failed together over the second half of the wait.
        """
        ceiling = min(self.longest_delay, self.first_delay * 2.0 ** min(failures - 1, 60))
        return ceiling * (0.5 + 0.5 * chance)

    def wait_before_retry(
        self, error: TaggerError, failures: int, remaining: float, chance: float, *, gone: bool = False
    ) -> float | None:
        """Seconds to wait before the next try; None when there shall be none.

        Args:
            error: What the last try ended with.
            failures: Tries that have failed so far, this one included.
            remaining: Seconds left of the caller's time. Half of them at least is left for the next try.
            chance: A random number in [0, 1).
            gone: Whether the model that was asked has answered before: where it is not found now, the server is
                being stopped or replaced.
        """
        if not (isinstance(error, ServerUnavailableError) or gone):
            return None
        if self.retries is not None and failures > self.retries:
            return None
        told = error.retry_after or 0.0 if isinstance(error, ServerUnavailableError) else 0.0
        room = remaining - told
        if room < self.first_delay / 2:
            return None
        return told + min(self.backoff(failures, chance), room / 2)
