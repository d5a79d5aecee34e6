"""The course of a run on a clock that the tests set."""

from __future__ import annotations

import pytest

from loadtest.errors import LoadtestError
from loadtest.locust.course import Course
from loadtest.locust.figures import Level
from loadtest.locust.records import Ledger
from loadtest.options import LoadOptions


def ended(intended: float, at: float) -> list[object]:
    """A request as a process reports it."""
    return ["x", 1, intended, intended, at, ""]


def still_open(intended: float) -> list[object]:
    """One without an answer."""
    return ["x", 1, intended, intended, 0.0, ""]


def test_levels_follow_each_other_and_their_warm_up_is_not_counted() -> None:
    told: list[Level] = []
    began: list[str] = []
    ledger = Ledger()
    settings = LoadOptions(users=[1, 4], warm_up_s=2, seconds=5)
    course = Course(settings, ledger, measuring=lambda: began.append("now"), finished=told.append)
    assert course.tick(100, 0) == 1  # asked for
    assert course.tick(101, 1) == 1  # there: the warm-up begins
    assert course.tick(102, 1) == 1 and began == []
    assert course.tick(103, 1) == 1 and began == ["now"]
    ledger.add("here", {"ended": [ended(102.5, 103.5), ended(104, 104.25), ended(107.9, 108.1)], "open": []})
    assert course.tick(108, 1) == 4  # over: the next one is asked for
    (figures,) = told[0].figures
    assert (told[0].load, figures.requests) == (1, 2) and figures.max_ms == pytest.approx(250)
    assert course.tick(109, 4) == 4 and course.tick(117, 4) is None
    assert [level.load for level in course.levels] == [1, 4] and began == ["now"]


def test_a_level_waits_for_the_answers_to_its_last_requests_without_load_if_need_be() -> None:
    ledger = Ledger()
    settings = LoadOptions(mode="open", rates=[50], warm_up_s=0, seconds=5, timeout_s=10)
    course = Course(settings, ledger)
    course.tick(100, 0)
    course.tick(100, 50)
    ledger.add("here", {"ended": [], "open": [still_open(104)]})
    assert course.tick(105.5, 50) == 50  # its time is over, and it gets a second
    assert course.tick(106.5, 50) == 0 and course.tick(107.5, 0) == 0
    ledger.add("here", {"ended": [ended(104, 108)], "open": []})
    assert course.tick(108.5, 0) is None
    assert course.levels[0].figures[0].max_ms == 4000 and course.levels[0].figures[0].errors == 0


def test_a_server_that_never_answers_does_not_hold_the_run_up() -> None:
    ledger = Ledger()
    settings = LoadOptions(mode="open", rates=[50], warm_up_s=0, seconds=5, timeout_s=10)
    course = Course(settings, ledger)
    course.tick(100, 0)
    course.tick(100, 50)
    ledger.add("here", {"ended": [], "open": [still_open(104)]})
    assert course.tick(106.5, 50) == 0
    assert course.tick(130, 0) is None and course.levels[0].figures[0].errors == 1


def test_a_ramp_takes_the_load_off_before_it_tries_a_lower_rate() -> None:
    ledger = Ledger()
    settings = LoadOptions(mode="ramp", ramp_start=50, warm_up_s=0, seconds=5, max_p99_ms=100)
    course = Course(settings, ledger)
    course.tick(100, 0)
    course.tick(100, 50)
    ledger.add("here", {"ended": [ended(104, 104.5)], "open": [still_open(105.2)]})
    assert course.tick(105.5, 50) == 0 and len(course.levels) == 1
    ledger.add("here", {"ended": [ended(105.2, 106)], "open": []})
    assert course.tick(106.5, 0) == 25


def test_workers_get_time_to_report_what_they_measured() -> None:
    course = Course(LoadOptions(users=[1], warm_up_s=0, seconds=5), Ledger(), report_seconds=4.5)
    course.tick(100, 0)
    course.tick(100, 1)
    assert course.tick(109, 1) == 1 and course.tick(110, 1) is None


def test_users_that_never_start_end_the_run_with_a_sentence() -> None:
    course = Course(LoadOptions(users=[8]), Ledger())
    course.tick(100, 0)
    course.tick(101, 3)
    with pytest.raises(LoadtestError, match="Only 3 of 8 users have started in 60 s"):
        course.tick(161, 3)
