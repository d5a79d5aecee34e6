"""What is tried on a machine of so many cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.tune.candidates import divide, make_space
from serving.releases import Release, read_release
from serving.repository import CLASSIFIER, CONFIG, plan_processes
from settings import ServingSettings, TuneSettings
from tests.small_release import build_release

CORES = [1, 2, 3, 4, 6, 8, 16, 48, 64]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release for processors."""
    return read_release(build_release(tmp_path_factory.mktemp("releases"), "20260101T000000Z-cpu-aaaaaaaa"))


@pytest.mark.parametrize("cores", CORES)
def test_processes_never_have_more_threads_than_there_are_cores(cores: int) -> None:
    ways = divide(cores)
    assert all(way["instances"] >= 1 and way["instances"] * way["threads"] <= cores for way in ways)
    assert {"instances": cores, "threads": 1} in ways and {"instances": 1, "threads": cores} in ways
    assert len(ways) == len({(way["instances"], way["threads"]) for way in ways})


@pytest.mark.parametrize(
    ("cores", "least", "expected"),
    [
        (2, 1, [(2, 1), (1, 1), (1, 2)]),
        (1, 2, []),
        (2, 2, [(2, 1)]),
        (4, 2, [(4, 1), (3, 1), (2, 1), (2, 2)]),
        (8, 2, [(8, 1), (7, 1), (4, 1), (4, 2), (2, 4)]),
    ],
)
def test_there_are_never_fewer_processes_than_the_least(
    cores: int, least: int, expected: list[tuple[int, int]]
) -> None:
    assert [(way["instances"], way["threads"]) for way in divide(cores, least)] == expected


@pytest.mark.parametrize("cores", CORES)
def test_the_default_is_what_is_served_without_tuning_and_no_option_is_the_default(
    release: Release, cores: int
) -> None:
    space = make_space(TuneSettings(), ServingSettings(), release, cores)
    planned = plan_processes(ServingSettings(), cores)
    assert (space.default.instances, space.default.threads) == (planned.classifiers, planned.threads)
    assert space.default.token_budget == 512
    assert space.kept == ()
    for axis in space.axes:
        tried = list(space.around(space.default, axis))
        assert len(tried) == len(axis.options) == len(set(tried)) and space.default not in tried


def test_from_another_place_the_way_back_to_the_default_is_tried_too(release: Release) -> None:
    space = make_space(TuneSettings(), ServingSettings(), release, 4)
    processes, budget = space.axes[0], space.axes[1]
    base = next(space.around(space.default, budget))
    assert (base.token_budget, space.default.token_budget) == (256, 512)
    assert space.default in space.around(base, budget)
    assert {one.token_budget for one in space.around(base, processes)} == {256}


@pytest.mark.parametrize(
    ("own", "kept", "axes"),
    [
        ({"threads": 2}, {"instances", "threads"}, {"token_budget", "joined_batch_size", "queue_delay_us"}),
        ({"token_budget": 640}, {"token_budget"}, {"instances × threads", "joined_batch_size", "queue_delay_us"}),
        ({"queue_delay_us": 0}, {"queue_delay_us"}, {"instances × threads", "token_budget", "joined_batch_size"}),
    ],
)
def test_what_a_person_has_set_is_not_varied(
    release: Release, own: dict[str, int], kept: set[str], axes: set[str]
) -> None:
    space = make_space(TuneSettings(), ServingSettings.model_validate(own), release, 4)
    assert set(space.kept) == kept and {axis.name for axis in space.axes} == axes
    assert {key: space.default.values()[key] for key in own} == own


def test_values_that_change_nothing_are_left_out(release: Release) -> None:
    tune = TuneSettings(token_budgets=[512, 600], joined_batch_sizes=[8, 64, 128], queue_delays_us=[0])
    space = make_space(tune, ServingSettings(), release, 1)
    options = {axis.name: [dict(option) for option in axis.options] for axis in space.axes}
    assert options == {"token_budget": [{"token_budget": 600}], "joined_batch_size": [{"joined_batch_size": 8}]}


def test_on_a_gpu_there_are_instances_and_delays_only(tmp_path: Path) -> None:
    release = build_release(tmp_path, "20260101T000000Z-gpu-aaaaaaaa")
    config = release / "model_repository" / CLASSIFIER / CONFIG
    text = config.read_text().replace('backend: "python"', 'backend: "tensorrt"')
    config.write_text(text)
    space = make_space(TuneSettings(), ServingSettings(), read_release(release), 16)
    assert (space.default.instances, space.default.threads) == (2, "auto")
    assert [axis.name for axis in space.axes] == ["instances × threads", "joined_batch_size", "queue_delay_us"]
    assert [dict(option) for option in space.axes[0].options] == [{"instances": number} for number in (1, 3, 4)]


def test_a_candidate_is_called_by_what_differs_from_the_default(release: Release) -> None:
    space = make_space(TuneSettings(), ServingSettings(), release, 4)
    processes, budget = space.axes[0], space.axes[1]
    slower = next(space.around(space.default, processes))
    assert slower.differing(space.default) == {"instances": 3, "threads": 1}
    both = next(space.around(slower, budget))
    assert both.told(space.default) == "instances 3, threads 1, token_budget 256"
    assert space.default.told(space.default) == "default" and space.default.differing(space.default) == {}
