"""Inside the official image, played with the wheel's server laid out in the same way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from serving.command import server_command, server_environment
from serving.control import stop
from serving.errors import ServingError
from serving.health import Endpoint
from serving.preflight.machine import check_official
from serving.processes import ProcessId, wait_until
from serving.state import ServerFiles, ServerState, running_state
from serving.triton import Triton, find_triton
from settings import ServingSettings
from tests.serving.conftest import Place
from tests.serving.official import make_official, real_server_as_official
from tests.small_release import SOURCES


def test_a_release_for_processors_is_served_there_as_elsewhere(place: Place, tmp_path: Path) -> None:
    root = real_server_as_official(tmp_path / "tritonserver")
    program = (
        "import sys, pathlib, serving.triton\n"
        f"serving.triton.OFFICIAL = pathlib.Path({str(root)!r})\n"
        "from serving.__main__ import main\n"
        "sys.exit(main())\n"
    )
    serving = place.settings.serving
    values = {"build_dir": place.settings.build_dir, "serving.http_port": serving.http_port}
    values |= {"serving.grpc_port": serving.grpc_port, "serving.metrics_port": serving.metrics_port}
    values |= {"serving.instances": 1, "serving.threads": 1}
    options = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    with subprocess.Popen(
        [sys.executable, "-c", program, "run", *options], cwd=SOURCES, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            files = ServerFiles.of(place.settings)
            assert wait_until(
                lambda: (
                    (process.poll() is not None)
                    or ((state := running_state(files)) is not None and state.phase == "ready")
                ),
                60,
            )
            assert process.poll() is None, process.communicate()[1]
            assert Endpoint("127.0.0.1", serving.http_port).tag() is None
            process.terminate()
            assert "Stopped." in process.communicate(timeout=40)[1] and process.returncode == 0
        finally:
            process.kill()


def test_the_image_s_server_is_started_in_the_image_and_the_wheel_s_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "pytriton" in str(find_triton().executable)
    made = make_official(tmp_path / "tritonserver", tmp_path / "libraries")
    monkeypatch.setattr("serving.triton.OFFICIAL", tmp_path / "tritonserver")
    assert (
        find_triton()
        == made
        == Triton(
            tmp_path / "tritonserver/bin/tritonserver",
            tmp_path / "tritonserver/backends",
            tmp_path / "tritonserver/caches",
        )
    )


def test_the_image_s_library_path_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_official(tmp_path / "tritonserver", tmp_path / "libraries")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/cuda/compat/lib")
    assert server_environment(made)["LD_LIBRARY_PATH"] == "/usr/local/cuda/compat/lib"
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert "LD_LIBRARY_PATH" not in server_environment(made)


def test_a_gpu_s_metrics_are_asked_for_with_a_release_for_gpus_only(tmp_path: Path) -> None:
    made = make_official(tmp_path / "tritonserver", tmp_path / "libraries")
    without = server_command(made, tmp_path, ServingSettings(), "prefix-", key="secret")
    assert "--allow-gpu-metrics=false" in without
    assert server_command(made, tmp_path, ServingSettings(), "prefix-", key="secret", gpu=True) == [
        word for word in without if word != "--allow-gpu-metrics=false"
    ]


def test_an_image_for_another_python_is_refused(tmp_path: Path) -> None:
    made = make_official(tmp_path / "tritonserver", tmp_path / "libraries", python="3.99")
    with pytest.raises(ServingError, match=r"runs models with Python 3\.99; this is Python 3\.1\d"):
        check_official(made)


def test_an_image_without_the_python_backend_is_refused(tmp_path: Path) -> None:
    made = make_official(tmp_path / "tritonserver", tmp_path / "libraries")
    (made.backends / "python" / "triton_python_backend_stub").unlink()
    with pytest.raises(ServingError, match=r"has no Python backend .* tag ends in -py3"):
        check_official(made)


def test_a_server_in_a_container_is_told_from_outside_with_the_command_that_stops_it(place: Place) -> None:
    files = ServerFiles.of(place.settings)
    with files.locked():  # as the container's process does, on the same folder
        gone = ProcessId(1, 0, "another boot")
        ServerState(gone, gone, "ready", "r", "0.0.0.0", 1, 2, 3, 0.0, host="0123456789ab").write(files.state)
        with pytest.raises(ServingError, match=r"runs in the container 0123456789ab\. Stop it: `docker stop 012345"):
            stop(place.settings)
        files.state.unlink()
