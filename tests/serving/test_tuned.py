"""What `make tune` has found: where it takes the place of a setting, and where it doesn't."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from serving.__main__ import main
from serving.control import start, status, stop
from serving.errors import ServingError
from serving.releases import Release, current_release
from serving.repository import CONFIG, plan_processes, read_config, render_repository, usable_cores
from serving.state import ServerFiles
from serving.temporary import temporary_server
from serving.tuned import FILE, Tuned, apply_tuned, read_tuned, write_tuned
from settings import ServingSettings, Settings
from tests.serving.conftest import Place, make_place

FOUND = {"instances": 1, "threads": 2, "joined_batch_size": 16, "queue_delay_us": 500, "token_budget": 1024}


def release_of(place: Place) -> Release:
    """The place's current release."""
    return current_release(place.releases)


def found_here(place: Place, **changes: object) -> Path:
    """A file of `make tune` for this machine and release, with some changes."""
    tuned = Tuned.here(FOUND, release_of(place), "2026-01-01T00:00:00Z")
    path = place.settings.build_dir / FILE
    write_tuned(path, dataclasses.replace(tuned, **changes))  # type: ignore[arg-type]
    return path


@pytest.fixture
def untouched(tmp_path: Path) -> Place:
    """A place whose settings are the defaults, but for the ports."""
    return make_place(tmp_path / "build", instances="auto", threads="auto")


def with_serving(place: Place, **values: object) -> Settings:
    """The place's settings with some of `serving` changed."""
    serving = ServingSettings.model_validate({**place.settings.serving.model_dump(), **values})
    return place.settings.model_copy(update={"serving": serving})


def test_it_takes_the_place_of_defaults(untouched: Place) -> None:
    path = found_here(untouched)
    in_force = apply_tuned(untouched.settings, release_of(untouched))
    assert in_force.values == FOUND
    assert in_force.serving == with_serving(untouched, **FOUND).serving
    assert in_force.told == (
        f"Tuned settings are in force ({path}): instances 1, threads 2, joined_batch_size 16, queue_delay_us 500, "
        "token_budget 1024."
    )


def test_what_a_person_has_set_wins(untouched: Place) -> None:
    found_here(untouched)
    settings = with_serving(untouched, token_budget=256, queue_delay_us=0)
    in_force = apply_tuned(settings, release_of(untouched))
    assert in_force.values == {"instances": 1, "threads": 2, "joined_batch_size": 16}
    assert (in_force.serving.token_budget, in_force.serving.queue_delay_us) == (256, 0)


@pytest.mark.parametrize("own", [{"instances": 2}, {"threads": 1}])
def test_instances_and_threads_are_tuned_together_or_not_at_all(untouched: Place, own: dict[str, int]) -> None:
    found_here(untouched)
    in_force = apply_tuned(with_serving(untouched, **own), release_of(untouched))
    assert set(in_force.values) == {"joined_batch_size", "queue_delay_us", "token_budget"}


def test_a_value_that_is_written_out_as_the_default_counts_as_not_set(untouched: Place) -> None:
    found_here(untouched)
    in_force = apply_tuned(with_serving(untouched, token_budget=512), release_of(untouched))
    assert in_force.serving.token_budget == 1024


def test_it_can_be_turned_off(untouched: Place) -> None:
    path = found_here(untouched)
    off = with_serving(untouched, tuned=False)
    assert apply_tuned(off, release_of(untouched)).serving == off.serving
    path.unlink()
    in_force = apply_tuned(untouched.settings, release_of(untouched))
    assert in_force.serving == untouched.settings.serving and in_force.told == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cores": 4096}, "it was made for other cores (4096; here: "),
        ({"processor": "Z80"}, "it was made for other processor (Z80; here: "),
        ({"engine": "abacus"}, "it was made for other engine (abacus; here: cpu)"),
    ],
)
def test_on_another_machine_or_engine_it_is_left_out_and_told(
    untouched: Place, changes: dict[str, object], told: str
) -> None:
    path = found_here(untouched, **changes)
    in_force = apply_tuned(untouched.settings, release_of(untouched))
    assert in_force.serving == untouched.settings.serving and not in_force.values
    assert told in in_force.told and in_force.told.startswith(f"{path} is not used: ")


@pytest.mark.parametrize("text", ["instances: 2", "[", "", "serving: 3", "\x00", '"a"'])
def test_a_damaged_file_is_told_and_the_server_starts_without_it(untouched: Place, text: str) -> None:
    path = untouched.settings.build_dir / FILE
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ServingError, match=r"tuned\.yaml is not used: it can't be read"):
        read_tuned(path)
    in_force = apply_tuned(untouched.settings, release_of(untouched))
    assert in_force.serving == untouched.settings.serving and "`make tune` makes another" in in_force.told


@pytest.mark.parametrize("values", [{"http_port": 80}, {"token_budget": 3}, {"threads": "many"}])
def test_a_file_with_other_settings_or_values_out_of_range_is_not_used(
    untouched: Place, values: dict[str, int]
) -> None:
    found_here(untouched, serving=values)
    assert "it can't be read" in apply_tuned(untouched.settings, release_of(untouched)).told


def test_what_is_written_is_read_again(untouched: Place) -> None:
    path = found_here(untouched)
    read = read_tuned(path)
    assert read == Tuned.here(FOUND, release_of(untouched), "2026-01-01T00:00:00Z") and read.cores == usable_cores()
    assert path.read_text().startswith("# Written by `make tune`.") and list(path.parent.glob(".tuned*")) == []


def test_the_engine_is_the_manifests(untouched: Place) -> None:
    manifest = untouched.releases / "current" / "manifest.json"
    found_here(untouched)
    values = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**values, "engine": {"name": "another"}}))
    assert "other engine (cpu; here: another)" in apply_tuned(untouched.settings, release_of(untouched)).told


def test_a_server_runs_with_it_and_its_status_tells(
    untouched: Place, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    found_here(untouched)
    options = ["--set", f"build_dir={untouched.settings.build_dir}"]
    for port in ("http_port", "grpc_port", "metrics_port"):
        options += ["--set", f"serving.{port}={getattr(untouched.settings.serving, port)}"]
    try:
        start(untouched.settings)
        classifier = read_config(ServerFiles.of(untouched.settings).repository / "classifier" / CONFIG)
        assert [group.count for group in classifier.instance_group] == [1]
        assert classifier.parameters["threads"].string_value == "2"
        assert classifier.parameters["token_budget"].string_value == "1024"
        assert classifier.dynamic_batching.max_queue_delay_microseconds == 500
        assert list(classifier.dynamic_batching.preferred_batch_size) == [16]
        found = status(untouched.settings)
        assert found is not None and found["tuned"] == FOUND
        assert main(["status", *options]) == 0
        assert "Settings that `make tune` has found are in force: instances 1, threads 2, " in capsys.readouterr().out
        log = ServerFiles.of(untouched.settings).supervisor_log.read_text()
        assert "Tuned settings are in force" in log and "1 classifier process with 2 threads each" in log
    finally:
        stop(untouched.settings)


def test_a_server_for_the_time_of_a_block_is_what_is_served(untouched: Place) -> None:
    found_here(untouched, serving={"token_budget": 1024})
    with temporary_server(untouched.settings) as state:
        assert state.tuned == {"token_budget": 1024}


def test_a_single_request_may_be_larger_than_what_the_classifier_joins(untouched: Place) -> None:
    from tests.serving.conftest import ask

    with temporary_server(with_serving(untouched, joined_batch_size=2)):
        answer = ask(untouched, "product_tagger", *[b"summer dress"] * 40)
        categories = answer.as_numpy("CATEGORY")
        assert categories is not None and [row.decode() for row in categories.ravel()] == ["apparel"] * 40


def test_a_joined_batch_is_at_most_what_a_request_may_have(untouched: Place) -> None:
    settings = with_serving(untouched, joined_batch_size=32, max_batch_size=8)
    with temporary_server(settings):
        classifier = read_config(ServerFiles.of(settings).repository / "classifier" / CONFIG)
        assert list(classifier.dynamic_batching.preferred_batch_size) == [8]


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
def test_without_tuning_every_core_has_one_classifier_thread_and_no_more(cores: int) -> None:
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
