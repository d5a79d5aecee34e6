"""What a running server survives: a full disk, a removed release, strangers at the administrative endpoints."""

from __future__ import annotations

import json
import os
import shutil
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from serving.control import start, use
from serving.errors import ServingError
from serving.health import Endpoint
from serving.processes import ProcessId, children_of, wait_until
from serving.state import ServerFiles, ServerState, running_state
from steps import DiskError
from tests.serving.conftest import Place


def post(place: Place, path: str, body: dict[str, object]) -> int:
    """The HTTP status of a request."""
    request = urllib.request.Request(f"http://{place.http}{path}", json.dumps(body).encode())
    try:
        return int(urllib.request.urlopen(request, timeout=10).status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/logging", {"log_verbose_level": 5}),
        ("/v2/trace/setting", {"trace_level": ["TIMESTAMPS"]}),
        ("/v2/repository/index", {}),
        ("/v2/systemsharedmemory/region/mine/register", {"key": "/mine", "offset": 0, "byte_size": 8}),
        ("/v2/systemsharedmemory/unregister", {}),
    ],
)
def test_administrative_endpoints_are_closed_over_http(shared: Place, path: str, body: dict[str, object]) -> None:
    assert post(shared, path, body) == 403
    assert Endpoint("127.0.0.1", shared.settings.serving.http_port).tag() is None


def test_administrative_endpoints_are_closed_over_grpc(shared: Place) -> None:
    with triton.InferenceServerClient(shared.grpc) as client:
        for ask in (client.get_log_settings, client.get_trace_settings, client.get_model_repository_index):
            with pytest.raises(InferenceServerException, match="restricted"):
                ask()
        with pytest.raises(InferenceServerException, match="restricted"):
            client.register_system_shared_memory("mine", "/mine", 8)
        assert client.get_inference_statistics("product_tagger").model_stats


def test_on_a_full_disk_the_state_takes_the_place_of_the_former_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = ProcessId.of(os.getpid())
    assert me is not None
    path = tmp_path / "state.json"
    former = ServerState(me, None, "switching to another release", "former", "127.0.0.1", 1, 2, 3, 4.0)
    former.write(path)

    def full(path: Path) -> None:
        raise DiskError("The disk is full.")

    monkeypatch.setattr("serving.target.staged_file", full)
    fresh = ServerState(me, None, "ready", "new", "127.0.0.1", 1, 2, 3, 5.0)
    fresh.write(path)
    assert ServerState.read(path) == fresh
    with pytest.raises(DiskError):
        fresh.write(tmp_path / "other.json")


def test_with_its_release_removed_what_is_left_of_a_server_goes_on(place: Place) -> None:
    files = ServerFiles.of(place.settings)
    state = start(place.settings)
    assert state.server is not None
    shutil.rmtree(place.releases / state.release)
    os.kill(children_of(state.server.pid)[-1].pid, signal.SIGKILL)
    assert wait_until(lambda: (now := running_state(files)) is not None and bool(now.problem), 20)
    after = running_state(files)
    assert after is not None and after.server == state.server and after.phase == "ready"
    assert "can't be started again" in after.problem and "is missing" in after.problem
    with pytest.raises(ServingError, match="There is no release"):
        use(place.settings, state.release)
