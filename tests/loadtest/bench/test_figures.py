"""From measurements to the figures that the server is judged by."""

from __future__ import annotations

import pytest

from loadtest.bench.contestants import BATCHES, BUSY, CROWD, ONE
from loadtest.bench.figures import Figure, Results, figures
from loadtest.bench.measure import Load, Series
from tests.loadtest.bench.conftest import complete, contestants, one_round, series

WHO = contestants()
CEILING = WHO.all_cores


def judged(*known: Series) -> dict[str, Figure]:
    """The figures by their first words, with these measurements among all others."""
    found = figures(complete(WHO, {(one.name, one.load): one for one in known}), WHO)
    return {one.what: one for one in found}


def test_all_nine_figures_are_there_with_their_bounds_in_their_order() -> None:
    told = [(one.bound, one.target, one.unit) for one in judged().values()]
    assert told == [
        ("≥", 10.0, ""), ("≥", 3.0, ""), ("≤", 1.15, ""), ("≤", 1.0, "ms"), ("≥", 0.9, ""), ("≥", 0.7, ""),
        ("≥", 0.95, ""), ("≤", 0.5, ""), ("<", 900.0, "MB"),
    ]  # fmt: skip


def test_each_figure_compares_the_two_measurements_that_it_is_named_for() -> None:
    found = judged(
        Series("grpc", BUSY, (one_round(800, cpu_ms=2.0), one_round(900, cpu_ms=2.2))),
        Series("http", BUSY, (one_round(720), one_round(720))),
        Series("fastapi", BUSY, (one_round(80), one_round(60))),
        Series("plain", BUSY, (one_round(200), one_round(450))),
        Series("grpc", ONE, (one_round(p50_ms=3.5), one_round(p50_ms=4.5))),
        Series("engine", ONE, (one_round(p50_ms=2.5), one_round(p50_ms=2.5))),
        Series("engine", CEILING, (one_round(1000, cpu_ms=1.6), one_round(1000, cpu_ms=2.0))),
        Series("float32", CEILING, (one_round(500, cpu_ms=4.0), one_round(500, cpu_ms=4.0))),
        Series("grpc", BATCHES, (one_round(950), one_round(850))),
        Series("grpc", CROWD, (one_round(840), one_round(855))),
    )
    values = {name.partition(" ÷")[0]: one.values for name, one in found.items()}
    assert found["throughput at 32 clients ÷ fastapi"].values == pytest.approx((10.0, 15.0))
    assert found["throughput at 32 clients ÷ plain"].values == pytest.approx((4.0, 2.0))
    assert found["CPU time of a text at 32 clients ÷ in process"].values == pytest.approx((1.25, 1.1))
    assert found["p50 of one client − p50 in process"].values == pytest.approx((1.0, 2.0))
    assert values["throughput at 64 texts a request"] == pytest.approx((0.95, 0.85))
    assert found["throughput at 32 clients, HTTP ÷ gRPC"].values == pytest.approx((0.9, 0.8))
    assert values["throughput at 256 clients"] == pytest.approx((1.05, 0.95))
    assert values["CPU time of a text in process, engine"] == pytest.approx((0.4, 0.5))


@pytest.mark.parametrize(
    ("bound", "values", "reached"),
    [
        ("≥", (9.9, 10.0, 10.1), True), ("≥", (9.9, 9.99, 99.0), False), ("≤", (9.0, 10.0, 99.0), True),
        ("≤", (1.0, 10.1, 10.1), False), ("<", (9.0, 9.9, 99.0), True), ("<", (10.0,), False),
    ],
)  # fmt: skip
def test_the_middle_of_the_rounds_is_held_against_the_target(
    bound: str, values: tuple[float, ...], reached: bool
) -> None:
    assert Figure("a", bound, 10.0, "", values).reached is reached


def test_a_crowd_that_is_not_answered_without_errors_reaches_nothing() -> None:
    what = "throughput at 256 clients ÷ at 32"
    good = judged(series("grpc", CROWD, 2.0, 2.0))[what]
    bad = judged(series("grpc", CROWD, 2.0, 2.0, errors=3))[what]
    assert good.reached and good.note == "0 errors"
    assert bad.value == good.value and not bad.reached and bad.note == "6 errors"


def test_memory_is_the_most_that_the_server_held_in_each_round_in_megabytes() -> None:
    what = "memory of the server's processes, resident"
    found = judged(
        Series("grpc", BUSY, (one_round(rss_mib=700.0, pss_mib=400.0), one_round(rss_mib=500.0))),
        Series("http", BUSY, (one_round(rss_mib=600.0), one_round(rss_mib=860.0, pss_mib=500.0))),
        Series("litserve", BUSY, (one_round(rss_mib=5000.0), one_round(rss_mib=5000.0))),
    )[what]
    assert found.values == pytest.approx((734.0, 901.8), abs=0.1) and found.reached
    assert found.note == "472 MB where shared memory counts once"


def test_a_contestant_that_answered_nothing_makes_no_division_by_zero() -> None:
    results = Results([series("a", Load(1), 1.0), series("b", Load(1), 0.0)])
    assert results.ratios("texts_per_second", ("a", Load(1)), ("b", Load(1)))[0] > 1e6
