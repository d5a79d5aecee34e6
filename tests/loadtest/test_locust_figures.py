"""From requests to figures, limits and the next level: no server, no Locust, and times that the tests choose."""

from __future__ import annotations

import json
import math

import pytest

from loadtest.locust.figures import UNANSWERED, Figures, Level, level_figures, read_levels
from loadtest.locust.limits import best_level, broken_limits, next_load
from loadtest.locust.records import Ledger, Recorder, Request
from loadtest.options import LoadOptions


def request(intended: float, took: float, kind: str = "gRPC, 1 text", texts: int = 1, error: str = "") -> Request:
    """A request that was sent when it was to be."""
    return Request(kind, texts, intended, intended, intended + took, error)


def level(load: int, p99: float, speed: float = 100.0, errors: int = 0, rate: bool = True) -> Level:
    """A level with these figures."""
    return Level(1, load, rate, 10.0, (Figures("x", 100, errors, "busy", speed, speed, 1, 1, 1, p99, p99, 0),))


def test_a_requests_time_counts_from_when_it_was_to_be_sent() -> None:
    (found,) = level_figures([Request("x", 1, 10.0, 15.0, 15.25)], 10, 20, 21)
    assert found.p99_ms == found.max_ms == 5250.0 and found.sent_late_p99_ms == 5000.0


def test_only_what_was_due_in_the_measured_time_counts_and_answers_count_when_they_come() -> None:
    requests = [request(8.0, 1.0), request(9.5, 1.0), request(12.0, 0.5), request(19.5, 3.0), request(20.0, 0.1)]
    (found,) = level_figures(requests, 10, 20, 30)
    assert found.requests == 2 and found.max_ms == 3000.0
    assert found.texts_per_second == 0.2  # those of 9.5 and of 12.0


def test_a_request_without_an_answer_is_an_error_and_counts_with_the_time_it_has_waited() -> None:
    requests = [request(10.0, 0.1), Request("gRPC, 1 text", 1, 11.0, 11.0)]
    (found,) = level_figures(requests, 10, 20, 26)
    assert (found.errors, found.first_error, found.max_ms) == (1, UNANSWERED, 15000.0)


def test_failed_requests_are_no_answers_and_their_times_do_not_make_the_server_look_quick() -> None:
    requests = [request(10.0, 0.2), *(request(11.0, 0.001, error="503: busy") for _ in range(9))]
    (found,) = level_figures(requests, 10, 20, 21)
    assert (found.errors, found.error_share, found.first_error) == (9, 0.9, "503: busy")
    assert found.p50_ms == pytest.approx(200) and found.requests_per_second == 0.1


def test_a_level_that_nobody_answered_has_no_times_and_survives_json() -> None:
    figures = level_figures([request(10.0, 0.1, error="refused")], 10, 20, 21)
    assert figures[0].p99_ms == math.inf
    made = Level(1, 8, False, 10.0, figures)
    assert read_levels(json.loads(json.dumps([made.as_json()]))) == [made]


def test_each_kind_of_request_has_its_own_figures_beside_those_of_all() -> None:
    requests = [request(10.0, 0.1), request(10.0, 0.3, "HTTP, 8 texts", 8)]
    everything, http, grpc = level_figures(requests, 10, 20, 21)
    assert (everything.kind, http.kind, grpc.kind) == ("all", "HTTP, 8 texts", "gRPC, 1 text")
    assert everything.texts_per_second == pytest.approx(0.9) and http.requests_per_second == 0.1


def test_a_recorder_gives_what_ended_once_and_what_is_open_each_time() -> None:
    moments = iter([1.0, 2.0, 3.0, 4.0])
    recorder = Recorder(now=lambda: next(moments))
    first, second = recorder.begin("x", 1), recorder.begin("x", 2, intended=0.5)
    assert recorder.end(first) == Request("x", 1, 1.0, 1.0, 3.0)
    assert recorder.take() == {"ended": [["x", 1, 1.0, 1.0, 3.0, ""]], "open": [["x", 2, 0.5, 2.0, 0.0, ""]]}
    recorder.end(second, "busy")
    assert recorder.take() == {"ended": [["x", 2, 0.5, 2.0, 4.0, "busy"]], "open": []}


def test_a_ledger_joins_processes_and_replaces_what_each_has_open() -> None:
    ledger = Ledger()
    ledger.add("a", {"ended": [], "open": [["x", 1, 1.0, 1.0, 0.0, ""]]})
    ledger.add("b", {"ended": [["x", 1, 2.0, 2.0, 2.5, ""]], "open": []})
    assert ledger.unanswered() == 1 and len(ledger.requests(0, 3)) == 2
    ledger.add("a", {"ended": [["x", 1, 1.0, 1.0, 9.0, ""]], "open": []})
    assert ledger.unanswered() == 0 and len(ledger.requests(0, 3)) == 2
    ledger.forget_before(5)
    assert [one.ended for one in ledger.requests(0, 3)] == [9.0]


def test_each_broken_limit_is_a_sentence_with_its_place() -> None:
    limits = LoadOptions(max_p99_ms=50, max_error_share=0.01, min_texts_per_second=500)
    assert broken_limits([level(8, 60.0, rate=False), level(32, 10.0, errors=5, rate=False)], limits) == [
        "At 8 users (x) p99 is 60.0 ms, and --max-p99-ms is 50.",
        "At 32 users (x) 5 of 100 requests failed, and --max-error-share is 0.01; the first got: busy.",
        "The best level within the limits answered 0.0 texts/s, and --min-texts-per-second is 500.",
    ]


def test_a_run_within_its_limits_breaks_none_and_one_without_levels_says_so() -> None:
    limits = LoadOptions(min_texts_per_second=100)
    assert broken_limits([level(8, 60.0)], limits) == []
    assert broken_limits([], limits) == ["No level was measured to its end: nothing can be said of the limits."]


def test_a_ramp_may_go_beyond_its_limits_but_must_have_a_level_within() -> None:
    limits = LoadOptions(mode="ramp", max_p99_ms=50, min_texts_per_second=90)
    levels = [level(50, 10.0), level(75, 900.0, speed=70)]
    assert broken_limits(levels, limits) == [] and best_level(levels, limits) == levels[0]
    (told, slow) = broken_limits([level(50, 51.0)], limits)
    assert (
        told.startswith("No rate was within the limits. At 50 requests/s (x) p99 is 51.0 ms") and "0.0 texts/s" in slow
    )


def test_the_levels_come_in_the_order_of_the_settings() -> None:
    settings = LoadOptions(users=[1, 8], mode="closed")
    assert next_load([], settings) == 1 and next_load([level(1, 1.0)], settings) == 8
    assert next_load([level(1, 1.0), level(8, 1.0)], settings) is None


@pytest.mark.parametrize(("capacity", "start"), [(1000, 50), (130, 50), (60, 50), (7, 50), (50, 50)])
def test_a_ramp_closes_in_on_the_highest_rate_within_the_limits(capacity: int, start: int) -> None:
    settings = LoadOptions(mode="ramp", max_p99_ms=100, ramp_start=start, ramp_levels=30)
    levels: list[Level] = []
    while (rate := next_load(levels, settings)) is not None:
        assert rate not in [one.load for one in levels]
        levels.append(level(rate, 10.0 if rate <= capacity else 1000.0, speed=min(rate, capacity)))
    best = best_level(levels, settings)
    assert best is not None and capacity / 1.06 - 1 <= best.load <= capacity


def test_a_ramp_that_finds_no_limit_ends_all_the_same() -> None:
    settings = LoadOptions(mode="ramp", ramp_levels=3)
    levels = [level(50, 1.0), level(75, 1.0), level(112, 1.0)]
    assert next_load(levels[:2], settings) == 112 and next_load(levels, settings) is None
