"""Servers as processes: started, stopped, killed, two at once, switched to another release."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from serving.__main__ import main
from serving.control import start, status, stop, use
from serving.errors import ServingError
from serving.health import Endpoint
from serving.processes import ProcessId, group_members, wait_until
from serving.releases import current_release
from serving.state import ServerFiles, ServerState, running_state
from serving.temporary import free_ports
from settings import ServingSettings, Settings
from tests.serving.conftest import Place
from tests.small_release import SOURCES, build_release, seal

OLD, NEW = "20260101T000000Z-cpu-aaaaaaaa", "20260202T000000Z-cpu-bbbbbbbb"
NAMED = "product_tagger/config.pbtxt"


def endpoint(place: Place) -> Endpoint:
    """The HTTP side of a place's server."""
    return Endpoint("127.0.0.1", place.settings.serving.http_port)


def state_of(place: Place) -> ServerState:
    """The state of a server that must be running."""
    state = running_state(ServerFiles.of(place.settings))
    assert state is not None
    return state


def server_of(place: Place) -> ProcessId:
    """The tritonserver process of a place."""
    server = state_of(place).server
    assert server is not None
    return server


def shared_memory(place: Place) -> list[Path]:
    """The server's regions in /dev/shm."""
    return list(Path("/dev/shm").glob(f"{ServerFiles.of(place.settings).shm_prefix}*"))


def release_files(place: Place) -> dict[str, int]:
    """All files of the releases and when they were last written."""
    return {str(path): path.lstat().st_mtime_ns for path in sorted(place.releases.rglob("*"))}


def arguments(place: Place, command: str, *more: str) -> list[str]:
    """A command line for a place's settings."""
    path = place.settings.build_dir / "tagger.yaml"
    path.write_text(yaml.safe_dump(place.settings.model_dump(mode="json")))
    return [command, "--config", str(path), *more]


@pytest.fixture
def foreground(place: Place) -> Iterator[subprocess.Popen[str]]:
    """`python -m serving run`, ready, as a shell would start it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "serving", *arguments(place, "run")],
        cwd=SOURCES,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert wait_until(
            lambda: (state := running_state(ServerFiles.of(place.settings))) is not None and state.phase == "ready", 60
        )
        yield process
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_stops_the_server_and_all_its_processes(place: Place, foreground: subprocess.Popen[str]) -> None:
    server = server_of(place)
    assert len(group_members(server.pid)) == 3 and shared_memory(place)
    foreground.send_signal(signal.SIGINT)
    output = foreground.communicate(timeout=40)[1]
    assert foreground.returncode == 0
    assert re.search(r"Ready after .* Try it:\n  curl .*\nStopped\.\n$", output)
    assert not any(word in output for word in ("NVML", "CUDA", "DCGM"))
    assert group_members(server.pid) == [] and shared_memory(place) == []
    assert "CUDA" in ServerFiles.of(place.settings).log.read_text()


def test_killing_the_supervisor_leaves_no_server_behind(place: Place, foreground: subprocess.Popen[str]) -> None:
    server = server_of(place)
    foreground.kill()
    foreground.wait()
    assert wait_until(lambda: group_members(server.pid) == [], 30)
    assert status(place.settings) is None
    start(place.settings)
    assert endpoint(place).tag() is None


def test_a_server_that_dies_is_started_again(place: Place) -> None:
    start(place.settings)
    before = server_of(place)
    os.kill(before.pid, signal.SIGKILL)
    assert wait_until(lambda: state_of(place).restarts == 1 and state_of(place).phase == "ready", 30)
    assert endpoint(place).tag() is None and group_members(before.pid) == []


def test_a_model_process_that_dies_is_replaced(place: Place) -> None:
    start(place.settings)
    stubs = [one.pid for one in group_members(server_of(place).pid) if one != server_of(place)]
    for pid in stubs:
        if b"classifier" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: state_of(place).restarts == 1 and state_of(place).phase == "ready", 30)
    assert endpoint(place).tag() is None


def test_start_twice_leaves_the_first_and_stop_twice_is_no_error(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(place, "status")) == 3
    assert main(arguments(place, "start")) == 0
    pid = state_of(place).supervisor.pid
    assert main(arguments(place, "start")) == 0
    assert state_of(place).supervisor.pid == pid and "runs already" in capsys.readouterr().out
    assert main(arguments(place, "status")) == 0
    assert f"release {OLD}" in capsys.readouterr().out
    assert main(arguments(place, "logs", "-n", "0")) == 0
    log = capsys.readouterr().out
    assert "Started HTTPService" in log and "CUDA" not in log
    assert main(arguments(place, "run")) == 1
    assert "runs already" in capsys.readouterr().err
    assert main(arguments(place, "stop")) == 0
    assert main(arguments(place, "stop")) == 0
    assert capsys.readouterr().out.count("No server") == 1


def test_two_servers_run_at_once_on_ports_of_their_own(place: Place) -> None:
    http, grpc, metrics = free_ports(3)
    ports = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
    second = Place(
        Settings(
            build_dir=place.settings.build_dir,
            serving=ServingSettings.model_validate({**place.settings.serving.model_dump(), **ports}),
        )
    )
    before = release_files(place)
    try:
        start(place.settings)
        start(second.settings)
        assert endpoint(place).tag() is None and endpoint(second).tag() is None
        stop(place.settings)
        assert endpoint(second).tag() is None
    finally:
        stop(second.settings)
    assert release_files(place) == before, "a release is not changed by being served"


def test_a_stale_state_file_never_kills_a_stranger(place: Place) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        real = ProcessId.of(stranger.pid)
        assert real is not None
        stale = ProcessId(real.pid, real.started - 1, real.boot)  # the same number, another process
        files = ServerFiles.of(place.settings)
        files.directory.mkdir(parents=True)
        ServerState(stale, stale, "ready", OLD, "127.0.0.1", 1, 2, 3, 0.0).write(files.state)
        assert stop(place.settings) is False
        assert stranger.poll() is None
        stranger.kill()


def test_a_running_server_switches_to_the_release_that_becomes_current_and_back(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    build_release(place.releases, NEW, categories=("apparel", "electronics", "toys"))
    start(place.settings)
    assert main(arguments(place, "use", NEW[:10])) == 0
    assert state_of(place).release == NEW == current_release(place.releases).id
    assert main(arguments(place, "releases")) == 0
    assert f"* {NEW}" in capsys.readouterr().out
    assert main(arguments(place, "rollback")) == 0
    assert state_of(place).release == OLD == current_release(place.releases).id
    assert f"Served on HTTP port {place.settings.serving.http_port}" in capsys.readouterr().out
    assert main(arguments(place, "rollback")) == 1
    assert "nothing to roll back to" in capsys.readouterr().err


def test_a_release_that_can_not_be_served_leaves_the_former_one_serving(place: Place) -> None:
    broken = build_release(place.releases, NEW)
    (broken / "model_repository" / "classifier" / "1" / "thresholds.json").write_text('{"tags": {}}')
    seal(broken)
    start(place.settings)
    with pytest.raises(ServingError, match=r"classifier can't be loaded: .*no threshold for the tag 'dress'"):
        use(place.settings, NEW)
    assert state_of(place).release == OLD == current_release(place.releases).id
    assert endpoint(place).tag() is None


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda repository: (repository / "classifier/1/model.onnx").write_bytes(b"no graph"), "classifier"),
        (lambda repository: (repository / "product_scores/labels.txt").unlink(), "labels.txt"),
        (lambda repository: (repository / "classifier/1/tokenizer.json").unlink(), "classifier"),
        (lambda repository: (repository / NAMED).write_text("nonsense: 1"), NAMED),
    ],
    ids=["graph", "labels", "tokenizer", "configuration"],
)
def test_a_release_that_was_made_wrongly_is_refused_with_the_cause(place: Place, damage: object, sentence: str) -> None:
    assert callable(damage)
    damage(place.releases / OLD / "model_repository")
    seal(place.releases / OLD)
    with pytest.raises(ServingError, match=re.escape(sentence)):
        start(place.settings)
    assert status(place.settings) is None and shared_memory(place) == []


@pytest.mark.parametrize("name", ["classifier/1/model.py", "classifier/1/json.py", "product_scores/labels.txt"])
def test_a_file_that_was_changed_or_added_since_the_export_is_a_sentence_and_no_code_of_it_runs(
    place: Place, tmp_path: Path, name: str
) -> None:
    path = place.releases / OLD / "model_repository" / name
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ServingError, match=rf"is not as it was made: {name} was (changed|added)"):
        start(place.settings)
    assert status(place.settings) is None and not (tmp_path / "ran").exists()


def test_a_server_stays_on_its_release_where_the_new_one_was_changed_since_the_export(place: Place) -> None:
    changed = build_release(place.releases, NEW)
    start(place.settings)
    server = state_of(place).server
    (changed / "model_repository" / "classifier" / "1" / "labeling.py").write_text("raise SystemExit\n")
    with pytest.raises(ServingError, match=r"labeling\.py was changed"):
        use(place.settings, NEW)
    assert state_of(place).server == server and current_release(place.releases).id == OLD
