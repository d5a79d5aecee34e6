"""In which order candidates are measured, and which of them is chosen; the figures are made up, the time too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from loadtest.tune.candidates import Axis, Candidate, Space
from loadtest.tune.search import Search, SearchError
from loadtest.tune.trials import Figures, Stage, Trial, results
from loadtest.tune.verdict import decide, drift, frontier
from settings import TuneSettings

DEFAULT = Candidate(2, 1, "auto", "auto", 512)
SPACE = Space(
    DEFAULT,
    (
        Axis("instances × threads", ({"instances": 1, "threads": 2}, {"instances": 1, "threads": 1})),
        Axis("token_budget", ({"token_budget": 256}, {"token_budget": 1024})),
        Axis("queue_delay_us", ({"queue_delay_us": 500},)),
    ),
    (),
)


def figures(speed: float, p99: float = 50.0, single: float = 4.0) -> Figures:
    """Figures of one measurement."""
    return Figures(speed, p99 / 2, p99, single, 2.0)


@dataclass
class Machine:
    """Answers what a rule says, and takes a fixed time for it."""

    rule: Callable[[Candidate, int], Figures | str]
    seconds: float = 10.0
    now: float = 1000.0
    asked: list[tuple[Candidate, Stage]] = field(default_factory=list)

    def __call__(self, candidate: Candidate, stage: Stage, seconds: float) -> Trial:
        self.asked.append((candidate, stage))
        found = self.rule(candidate, len(self.asked))
        self.now += self.seconds
        if isinstance(found, str):
            return Trial(candidate, stage, self.seconds, None, found)
        return Trial(candidate, stage, self.seconds, found)

    def search(self, former: Candidate | None = None, **tune: object) -> Search:
        """A search on this machine."""
        settings = TuneSettings.model_validate({"minutes": 60, "seconds": 1, **tune})
        return Search(SPACE, settings, self, former, clock=lambda: self.now)


def plain(candidate: Candidate, _: int) -> Figures:
    """Two threads are quicker, and larger budgets still more; a delay is slow."""
    speed = 100.0 + 40.0 * (candidate.threads == 2) + candidate.token_budget / 100
    return figures(speed - 50.0 * (candidate.queue_delay_us == 500))


def test_the_default_is_measured_first_and_at_the_very_end() -> None:
    machine = Machine(plain)
    machine.search().run()
    assert machine.asked[0] == (DEFAULT, "first") and machine.asked[-1] == (DEFAULT, "again")
    assert [stage for _, stage in machine.asked].count("again") == 1


def test_one_setting_after_the_other_leads_to_the_best_of_all() -> None:
    machine = Machine(plain)
    search = machine.search()
    search.run()
    verdict = decide(search.trials, DEFAULT, search.tune)
    assert verdict.winner == Candidate(1, 2, "auto", "auto", 1024)
    first = [candidate for candidate, stage in machine.asked if stage == "first"]
    assert len(first) == len(set(first))


def test_the_best_are_measured_again_in_turns_that_begin_with_another_each_time() -> None:
    machine = Machine(plain)
    machine.search(finalists=2, rounds=3).run()
    rounds = [candidate for candidate, stage in machine.asked if stage == "round"]
    assert len(rounds) == 9 and len(set(rounds)) == 3
    assert [rounds[place] for place in (0, 3, 6)] == rounds[:3] and set(rounds[3:6]) == set(rounds[:3])
    assert rounds[0] == DEFAULT


def test_the_time_is_kept_and_the_end_is_never_left_out() -> None:
    for minutes in (2.0, 3.0, 5.0, 8.0):
        machine = Machine(plain)
        search = machine.search(minutes=minutes, finalists=1, rounds=2)
        search.run()
        assert machine.now - 1000.0 <= 60 * minutes + machine.seconds, minutes
        assert {stage for _, stage in machine.asked} == {"first", "round", "again"}


def test_with_hardly_any_time_only_the_default_is_measured_and_stays() -> None:
    machine = Machine(plain)
    search = machine.search(minutes=0.1)
    search.run()
    assert machine.asked == [(DEFAULT, "first")]
    verdict = decide(search.trials, DEFAULT, search.tune)
    assert verdict.winner == DEFAULT and verdict.told.startswith("The default stays.")


def test_what_an_earlier_tuning_has_found_is_tried_right_after_the_default() -> None:
    former = Candidate(1, 1, 8, 500, 1024)
    machine = Machine(plain)
    machine.search(former).run()
    assert machine.asked[1] == (former, "first") and machine.asked.count((former, "first")) == 1


def test_a_candidate_that_does_not_start_is_a_row_with_its_reason_and_the_search_goes_on() -> None:
    def rule(candidate: Candidate, number: int) -> Figures | str:
        return "Triton did not start." if candidate.threads == 2 else plain(candidate, number)

    machine = Machine(rule)
    search = machine.search()
    search.run()
    failed = [one for one in results(search.trials) if one.problem]
    assert failed and all(one.candidate.threads == 2 and one.figures is None for one in failed)
    assert decide(search.trials, DEFAULT, search.tune).winner == Candidate(2, 1, "auto", "auto", 1024)
    assert not any(stage == "round" and candidate.threads == 2 for candidate, stage in machine.asked)


def test_a_default_that_cannot_be_measured_is_an_error_with_its_reason() -> None:
    with pytest.raises(SearchError, match=r"as they are can't be measured: Port 8000 is in use\."):
        Machine(lambda candidate, number: "Port 8000 is in use.").search().run()


def test_what_breaks_a_limit_is_neither_chosen_nor_gone_on_from() -> None:
    def rule(candidate: Candidate, number: int) -> Figures:
        p99 = 300.0 if candidate.threads == 2 else 50.0
        return figures(plain(candidate, number).texts_per_second, p99, 9.0 if candidate.token_budget == 1024 else 4.0)

    search = Machine(rule).search()
    search.run()
    verdict = decide(search.trials, DEFAULT, search.tune)
    assert verdict.winner == DEFAULT and verdict.limits.single_p50_ms == 5.0
    for one in results(search.trials):
        if one.candidate.threads == 2:
            assert one.candidate.token_budget == 512 and not one.rounds
            assert one.figures and verdict.limits.broken(one.figures) == ["p99 over 250 ms"]


def test_a_winner_within_the_noise_is_none() -> None:
    speeds = iter([100.0, *[102.0] * 50])

    def rule(candidate: Candidate, number: int) -> Figures:
        # Each measurement of the default lies 4 texts/s apart from the one before; the others are 3 ahead.
        return figures(100.0 + 4.0 * (number % 2) if candidate == DEFAULT else next(speeds) + 3.0)

    search = Machine(rule).search()
    search.run()
    verdict = decide(search.trials, DEFAULT, search.tune)
    assert verdict.winner == DEFAULT and "not more than the 4 that the rounds lie apart" in verdict.told


def test_a_default_beyond_the_limits_loses_to_what_holds_them_though_it_is_quicker() -> None:
    def rule(candidate: Candidate, number: int) -> Figures:
        return figures(100.0, 400.0) if candidate.instances == 2 else figures(90.0, 200.0)

    search = Machine(rule).search()
    search.run()
    verdict = decide(search.trials, DEFAULT, search.tune)
    assert verdict.winner.instances == 1 and "the default breaks a limit (p99 over 250 ms)" in verdict.told


def test_a_problem_in_the_rounds_puts_a_candidate_out_of_the_question() -> None:
    def rule(candidate: Candidate, number: int) -> Figures | str:
        return "3 requests failed" if candidate != DEFAULT and number > 9 else plain(candidate, number)

    search = Machine(rule).search(finalists=1)
    search.run()
    assert decide(search.trials, DEFAULT, search.tune).winner == DEFAULT


def test_drift_is_the_default_at_the_end_beside_the_beginning() -> None:
    search = Machine(lambda candidate, number: figures(100.0 if number == 1 else 80.0)).search()
    search.run()
    assert drift(search.trials, DEFAULT) == pytest.approx(-0.2)
    assert drift(search.trials[:1], DEFAULT) is None


def test_the_frontier_has_what_nothing_else_is_better_than() -> None:
    rows = [(100.0, 50.0, 4.0), (120.0, 90.0, 4.0), (110.0, 95.0, 4.0), (90.0, 51.0, 2.0), (95.0, 49.0, 4.1)]
    trials = [
        Trial(Candidate(number, 1, "auto", "auto", 512), "first", 1.0, figures(*row))
        for number, row in enumerate(rows, 1)
    ]
    trials.append(Trial(Candidate(9, 1, "auto", "auto", 512), "first", 1.0, figures(500.0), "1 request failed"))
    # The third is slower and later than the second; the fifth hardly earlier than the first, and slower.
    assert [one.candidate.instances for one in frontier(results(trials))] == [2, 1, 4]


def test_a_stop_that_was_lost_elsewhere_is_seen_before_the_next_measurement() -> None:
    machine = Machine(plain)
    search = machine.search()
    search.stopped = lambda: len(machine.asked) == 3
    with pytest.raises(KeyboardInterrupt):
        search.run()
    assert len(search.trials) == 3
