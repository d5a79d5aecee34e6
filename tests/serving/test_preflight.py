"""What stops a start, each as one sentence with the port, setting or version it is about."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections import namedtuple
from pathlib import Path

import pytest
import yaml

from serving.__main__ import main
from serving.bundle import Bundle, find_bundle, library_name, prepare_backends, stub_libraries, supported_pythons
from serving.control import start
from serving.errors import ServingError
from serving.logs import failure_cause, readable
from serving.preflight.engine import check_target
from serving.preflight.machine import check_glibc, check_machine, check_python_library
from serving.preflight.ports import check_ports
from serving.preflight.storage import check_disk, check_shared_memory
from serving.releases import Release, current_release
from serving.repository import Processes, plan_processes, read_config, render_repository
from settings import ServingSettings
from tests.serving.conftest import Place
from tests.small_release import make_current


def test_this_machine_passes() -> None:
    check_machine(find_bundle())


@pytest.mark.parametrize("version", ["glibc 2.31", "glibc 2.34", "", "musl 1.2"])
def test_an_old_c_library_is_refused(version: str) -> None:
    with pytest.raises(ServingError, match=r"needs glibc 2\.35 or newer; this system has"):
        check_glibc(version)


@pytest.mark.parametrize("version", ["glibc 2.35", "glibc 2.36", "glibc 3.0"])
def test_a_newer_c_library_is_taken(version: str) -> None:
    check_glibc(version)


def test_a_python_without_a_stub_is_refused_with_those_that_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    version = namedtuple("version", "major minor")
    monkeypatch.setattr("sys.version_info", version(3, 99))
    with pytest.raises(ServingError, match=r"Python 3\.99; it can with .*3\.10, 3\.11, 3\.12"):
        check_machine(find_bundle())


def test_a_port_in_use_is_named_with_its_setting_and_its_holder(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.settings.serving.grpc_port)):
        port = place.settings.serving.grpc_port
        with pytest.raises(
            ServingError, match=rf"Port {port} \(serving.grpc_port\) is in use by .*process {os.getpid()}"
        ):
            start(place.settings)


def test_two_settings_with_one_port_are_refused() -> None:
    with pytest.raises(
        ServingError, match=r"serving.grpc_port and serving.metrics_port are both 9001|serving.grpc_port"
    ):
        check_ports(ServingSettings(grpc_port=9001, metrics_port=9001))


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ServingError, match=r"Nothing can listen at 192\.0\.2\.1"):
        check_ports(ServingSettings(address="192.0.2.1"))


def test_too_little_shared_memory_is_refused(tmp_path: Path) -> None:
    check_shared_memory(Processes(1, 1, 1, 1), 64, tmp_path)
    with pytest.raises(ServingError, match=r"has \d+ MiB free; 100000002 Python processes need .*--shm-size"):
        check_shared_memory(Processes(1, 100_000_000, 1, 1), 64, tmp_path)
    with pytest.raises(ServingError, match="is missing"):
        check_shared_memory(Processes(1, 1, 1, 1), 64, tmp_path / "nothing")


def test_shared_memory_is_counted_for_a_batch_of_the_longest_texts_a_client_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=40 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    check_shared_memory(Processes(0, 1, 1, 1), 64, tmp_path)
    with pytest.raises(ServingError, match=r"has 40 MiB free; 3 Python processes need 52 MiB.*max_batch_size"):
        check_shared_memory(Processes(0, 2, 1, 1), 64, tmp_path)


def test_a_release_for_gpus_is_refused() -> None:
    with pytest.raises(ServingError, match="TARGET=gpu"):
        check_target(Release(Path("r"), {"target": "gpu"}))


def test_without_a_release_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="`make export`"):
        current_release(tmp_path / "releases")


def test_a_current_release_that_is_gone_is_named(place: Place) -> None:
    make_current(place.releases, "gone")
    with pytest.raises(ServingError, match="names the release gone, which is not there"):
        current_release(place.releases)


def test_with_releases_but_none_current_one_is_proposed(place: Place) -> None:
    (place.releases / "current").unlink()
    with pytest.raises(ServingError, match="serving use 20260101T000000Z-cpu-aaaaaaaa"):
        current_release(place.releases)


def test_backends_are_prepared_once_also_by_many_at_once(tmp_path: Path) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(prepare_backends(find_bundle(), tmp_path))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    assert os.access(found[0] / "python" / "triton_python_backend_stub", os.X_OK)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [found[0].name]


def test_without_the_wheel_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ServingError, match=r"nvidia-pytriton is missing from .* Run `make setup`"):
        find_bundle()


def test_a_python_without_its_shared_library_is_refused_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.preflight.machine.own_library", lambda: None)
    monkeypatch.setattr("serving.preflight.machine.library_name", lambda: "libpython3.99.so.1.0")
    with pytest.raises(ServingError, match=r"libpython3\.99\.so\.1\.0, .* `apt-get install libpython3\.99`"):
        check_python_library()


def test_the_library_of_this_python_lies_beside_the_stub_even_after_another_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("old", "new", "new"):
        library = tmp_path / name / library_name()
        library.parent.mkdir(exist_ok=True)
        library.touch()
        monkeypatch.setattr("serving.bundle.own_library", lambda library=library: library)
        backends = prepare_backends(find_bundle(), tmp_path / "cache")
        assert (stub_libraries(backends) / library_name()).readlink() == library


def test_a_missing_library_is_the_cause_that_is_told() -> None:
    log = "stub: error while loading shared libraries: libpython3.10.so.1.0: cannot open shared object file: No such\n"
    assert failure_cause(log) == "A shared library is missing: libpython3.10.so.1.0."


def test_pythons_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for version in ("3.9", "3.10", "3.8"):
        stub = tmp_path / "python_backend_stubs" / version / "triton_python_backend_stub"
        stub.parent.mkdir(parents=True)
        stub.touch()
    assert supported_pythons(Bundle(tmp_path, tmp_path, "0")) == ["3.8", "3.9", "3.10"]


@pytest.mark.parametrize(
    ("instances", "threads", "cores", "expected"),
    [
        ("auto", "auto", 2, (2, 1)),
        ("auto", "auto", 16, (16, 1)),
        ("auto", 4, 16, (4, 4)),
        (1, "auto", 2, (1, 2)),
        (3, 2, 2, (3, 2)),
        ("auto", 8, 2, (2, 8)),
    ],
)
def test_processes_are_planned_by_the_cores(
    instances: object, threads: object, cores: int, expected: tuple[int, int]
) -> None:
    settings = ServingSettings.model_validate({"instances": instances, "threads": threads})
    planned = plan_processes(settings, cores)
    assert (planned.classifiers, planned.threads) == expected and planned.total == planned.classifiers


def test_the_settings_are_in_the_rendered_configurations_and_the_files_are_links(place: Place, tmp_path: Path) -> None:
    settings = ServingSettings(
        instances=3, threads=2, max_batch_size=5, queue_delay_us=7, max_queue_size=11, request_timeout_ms=13,
        abstain_below=0.25,
    )  # fmt: skip
    target = tmp_path / "model_repository"
    for _ in range(2):  # the second time over the first
        render_repository(current_release(place.releases), settings, target)
    classifier = read_config(target / "classifier/config.pbtxt")
    assert [group.count for group in classifier.instance_group] == [1, 2]
    assert {key: value.string_value for key, value in classifier.parameters.items()} == {
        "threads": "2",
        "abstain_below": "0.25",
    }
    assert classifier.dynamic_batching.max_queue_delay_microseconds == 7
    queue = classifier.dynamic_batching.default_queue_policy
    assert (queue.max_queue_size, queue.default_timeout_microseconds) == (11, 13_000)
    assert {read_config(path).max_batch_size for path in target.glob("*/config.pbtxt")} == {5}
    assert (target / "classifier/1/model.onnx").is_symlink() and (target / "product_tagger/1").is_dir()


def test_the_cause_of_a_failed_start_is_the_first_model_s_own_words() -> None:
    log = (
        'E1123 21:12:09.3 20276 backend_model.cc:692] "ERROR: Failed to create instance: ValueError: no threshold"\n'
        'E1123 21:12:09.3 20276 server.cc:241] "CudaDriverHelper has not been initialized."\n'
        "E1123 21:12:09.4 20276 model_lifecycle.cc:642] \"failed to load 'labeler' version 1: Internal: "
        'ValueError: no threshold\\n\\nAt:\\n  /x/model.py(29): initialize\\n"\n'
        "error: creating server: Internal - failed to load all models\n"
    )
    assert failure_cause(log) == "The model labeler can't be loaded: ValueError: no threshold."
    assert failure_cause("error: creating server: Internal - failed to bind\n") == "Triton says: failed to bind."
    assert "no reason" in failure_cause("")


def test_lines_about_a_missing_gpu_are_left_out() -> None:
    assert readable("Error: Failed to initialize NVML\n") is None
    assert (
        readable('I1123 "Started HTTPService at 127.0.0.1:8000"\n') == 'I1123 "Started HTTPService at 127.0.0.1:8000"'
    )


def test_preflight_of_a_release_for_processors_is_in_order_and_a_running_server_no_problem(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place.settings.build_dir / "tagger.yaml"
    path.write_text(yaml.safe_dump(place.settings.model_dump(mode="json")))
    assert main(["preflight", "--config", str(path)]) == 0
    told = capsys.readouterr().out
    assert "Triton of the package nvidia-pytriton" in told and "are free at 127.0.0.1" in told
    start(place.settings)
    assert main(["preflight", "--config", str(path)]) == 0
    assert "this project's server listens on them" in capsys.readouterr().out


def test_a_start_tells_the_first_problem_and_how_many_more_there_are(place: Place) -> None:
    (place.releases / "current" / "model_repository/classifier/config.pbtxt").unlink()
    with (
        socket.create_server(("127.0.0.1", place.settings.serving.grpc_port)),
        pytest.raises(ServingError, match=r"is missing.* \(And 1 more: `python -m serving preflight` tells"),
    ):
        start(place.settings)


def test_a_full_disk_is_told_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "MiB free for" in check_disk(tmp_path / "not" / "there" / "yet")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage(1 << 30, 1 << 30, 5 << 20))
    with pytest.raises(ServingError, match=r"Only 5 MiB are free on the disk of .*Make room"):
        check_disk(tmp_path)


def test_a_build_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "build").touch()
    with pytest.raises(ServingError, match=r"can't be written by this user.*--set build_dir=DIR"):
        check_disk(tmp_path / "build" / "serving")


def test_a_cache_that_can_not_be_written_is_told_with_the_variable_that_names_another(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(ServingError, match=r"can't be prepared in .*cache: .* Set XDG_CACHE_HOME to a folder"):
        prepare_backends(find_bundle(), tmp_path / "cache")
