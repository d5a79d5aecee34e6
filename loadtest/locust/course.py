"""The course of a run: which load is on, what of its time is measured, and when the next level begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.errors import LoadtestError
from loadtest.locust.figures import Level, level_figures
from loadtest.locust.limits import broken_at, next_load
from loadtest.locust.records import Ledger
from loadtest.options import LoadOptions

ANSWERS_SECONDS = 1.0
"""How long a level's load stays on while its last requests are answered; after that it is taken off."""
SPAWN_SECONDS = 60.0


@dataclass
class Course:
    """Follows the plan from level to level. It is asked what to do again and again, and never waits itself.

    Attributes:
        options: The levels and their times.
        ledger: All requests so far.
        report_seconds: How late what a process has recorded gets into the ledger.
        measuring: Called when the measured time of the first level begins.
        finished: Called with each level that was measured to its end.
        levels: These levels.
    """

    options: LoadOptions
    ledger: Ledger
    report_seconds: float = 0.0
    measuring: Callable[[], None] = lambda: None
    finished: Callable[[Level], None] = lambda level: None
    levels: list[Level] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._load: int | None = None  # of the level that is on
        self._asked = 0.0  # when it was asked for
        self._begin = 0.0  # of the measured time; 0 until the load is there
        self._told = False
        self._off_until = 0.0  # no load until all is answered, or this moment

    def tick(self, now: float, users: int) -> int | None:
        """What load there is to be now.

        Args:
            now: Seconds since 1970.
            users: How many users there are.

        Returns:
            Users, or arrivals a second; None when the run is over.

        Raises:
            LoadtestError: The load isn't reached.
        """
        if now < self._off_until and self.ledger.unanswered():
            return 0
        if self._load is None:
            self._off_until = 0.0
            self._load = next_load(self.levels, self.options)
            self._asked = now
            self._begin = 0.0
            return self._load
        if not self._begin:
            if users != self._load:
                if now - self._asked > SPAWN_SECONDS:
                    raise LoadtestError(
                        f"Only {users} of {self._load} users have started in {SPAWN_SECONDS:g} s. Are all workers "
                        "connected, and the machine not overloaded?"
                    )
                return self._load
            self._begin = now + self.options.warm_up_s
        if now >= self._begin and not self._told:
            self._told = True
            self.measuring()
        return self._measured(now)

    def _measured(self, now: float) -> int | None:
        end = self._begin + self.options.seconds
        over = now - end - self.report_seconds
        if self._load is None or over < 0:
            return self._load
        requests = self.ledger.requests(self._begin, end)
        if not self._off_until and any(not one.ended and one.intended < end for one in requests):
            if over < ANSWERS_SECONDS:
                return self._load
            return self._take_off(now)
        level = Level(
            number=len(self.levels) + 1,
            load=self._load,
            open=self.options.mode != "closed",
            seconds=self.options.seconds,
            figures=level_figures(requests, self._begin, end, now),
            begin=self._begin,
        )
        self.levels.append(level)
        self.ledger.forget_before(end)
        self._load = None
        self.finished(level)
        more = next_load(self.levels, self.options) is not None
        if more and level.open and self.ledger.unanswered() and broken_at(level, self.options):
            return self._take_off(now)  # the next level is not to wait behind this one's requests
        return self.tick(now, 0)

    def _take_off(self, now: float) -> int:
        self._off_until = now + self.report_seconds + self.options.timeout_s + ANSWERS_SECONDS
        return 0
