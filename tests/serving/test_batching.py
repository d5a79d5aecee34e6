"""How many classifier processes and threads there are, and what the classifier joins into one batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.releases import Release, current_release
from serving.repository import CONFIG, plan_processes, read_config, render_repository
from settings import ServingSettings, Settings
from tests.serving.conftest import Place, make_place


def release_of(place: Place) -> Release:
    """The place's current release."""
    return current_release(place.releases)


@pytest.fixture
def untouched(tmp_path: Path) -> Place:
    """A place whose settings are the defaults, but for the ports."""
    return make_place(tmp_path / "build", instances="auto", threads="auto")


def with_serving(place: Place, **values: object) -> Settings:
    """The place's settings with some of `serving` changed."""
    serving = ServingSettings.model_validate({**place.settings.serving.model_dump(), **values})
    return place.settings.model_copy(update={"serving": serving})


@pytest.mark.parametrize(
    ("bounds", "bounded"),
    [
        ({}, True),
        ({"max_queue_size": 0}, True),
        ({"request_timeout_ms": 0}, True),
        ({"max_queue_size": 0, "request_timeout_ms": 0}, False),
    ],
)
def test_queues_without_any_bound_leave_triton_free_to_prepare_the_next_batch(
    untouched: Place, tmp_path: Path, bounds: dict[str, int], bounded: bool
) -> None:
    target = tmp_path / "model_repository"
    render_repository(release_of(untouched), with_serving(untouched, **bounds).serving, target)
    policy = read_config(target / "classifier" / CONFIG).dynamic_batching.default_queue_policy
    assert policy.allow_timeout_override is bounded
    assert bounded or (policy.max_queue_size, policy.default_timeout_microseconds) == (0, 0)


@pytest.mark.parametrize("cores", [2, 3, 4, 8, 12, 16, 32, 64, 128])
def test_every_core_has_one_classifier_thread_and_no_more(cores: int) -> None:
    planned = plan_processes(ServingSettings(), cores)
    assert planned.classifiers * planned.threads == cores and planned.threads == 1
    assert planned.total == cores


def test_one_core_has_two_processes_as_triton_s_batcher_misses_requests_with_one() -> None:
    assert plan_processes(ServingSettings(), 1).classifiers == 2


@pytest.mark.parametrize("cores", [1, 2, 3, 5, 8, 12, 63, 64])
@pytest.mark.parametrize("given", [1, 2, 3, 5, 8])
def test_where_one_of_instances_and_threads_is_set_the_other_fills_the_cores_and_never_more(
    cores: int, given: int
) -> None:
    by_instances = plan_processes(ServingSettings(instances=given), cores)
    assert by_instances.classifiers == given
    by_threads = plan_processes(ServingSettings(threads=given), cores)
    assert by_threads.threads == given
    for planned in (by_instances, by_threads):
        assert planned.classifiers * planned.threads <= max(cores, 2 * given)
        assert min(planned.classifiers, planned.threads) >= 1
