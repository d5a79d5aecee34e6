"""What ends or hangs behind the door, or is the door, is replaced, and what was asked meanwhile is answered."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.switching.load import Expected, Outcome, ask_on
from loadtest.switching.load import Place as Where
from serving.control import start, status, stop, use
from serving.processes import ProcessId, children_of, group_members, wait_until
from serving.state import ServerFiles, ServerState, running_state
from tests.serving.conftest import Place, before_each_batch, make_place, running
from tests.serving.test_overload import WAIT
from tests.small_release import build_release

OLD, NEW = "20260101T000000Z-cpu-aaaaaaaa", "20260202T000000Z-cpu-bbbbbbbb"
TEXTS = ["summer dress", "phone", "chocolate", "nothing that is known"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """With a gateway, where a request may wait until a Triton has been replaced; each test leaves it in order."""
    place = make_place(tmp_path_factory.mktemp("mending") / "build", gateway=True, request_timeout_ms=25_000)
    with running(place):
        yield place


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """With a gateway, where requests wait briefly, so that a Triton hangs that has answered nobody for as long."""
    build = tmp_path_factory.mktemp("impatient") / "build"
    place = make_place(build, gateway=True, address="localhost", request_timeout_ms=2000)
    build_release(place.releases, NEW)
    with running(place):
        yield place


def state_of(place: Place) -> ServerState:
    """Of a server that must be running."""
    state = running_state(ServerFiles.of(place.settings))
    assert state is not None
    return state


def triton_of(state: ServerState) -> ProcessId:
    """The tritonserver process, which must be there."""
    assert state.server is not None
    return state.server


def get(place: Place, path: str, body: dict[str, str] | None = None) -> tuple[int, str | None]:
    """Status and Retry-After of an answer."""
    connection = http.client.HTTPConnection(place.http, timeout=20)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status, response.headers["Retry-After"]
    finally:
        connection.close()


def asked_while(place: Place, harm: Callable[[ServerState], None], mended: Callable[[ServerState], bool]) -> Outcome:
    """What came of requests while something ended and until it was replaced."""
    expected = Expected(Where("127.0.0.1", {"peer": place.settings.serving.http_port}), TEXTS)
    outcome = Outcome()

    async def until(condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            await asyncio.sleep(0.1)
        raise TimeoutError

    async def run() -> None:
        await expected.learn()
        over = False
        clients = [
            asyncio.ensure_future(ask_on(expected, "peer", number, outcome, lambda: not over, lambda: 0.0))
            for number in range(4)
        ]
        await until(lambda: outcome.answered > 50)
        harm(state_of(place))
        await until(lambda: mended(state_of(place)))
        before = outcome.answered
        await until(lambda: outcome.answered > before + 50)
        over = True
        await asyncio.gather(*clients)

    asyncio.run(run())
    expected.judge(outcome)
    assert not outcome.wrong
    return outcome


def kill_classifier(state: ServerState) -> None:
    os.kill(children_of(triton_of(state).pid)[-1].pid, signal.SIGKILL)


def kill_triton(state: ServerState) -> None:
    os.kill(triton_of(state).pid, signal.SIGKILL)


@pytest.mark.parametrize("harm", [kill_classifier, kill_triton])
def test_no_request_is_lost_when_a_model_process_or_triton_dies(
    server: Place, harm: Callable[[ServerState], None]
) -> None:
    former = state_of(server)
    outcome = asked_while(server, harm, lambda now: now.server not in (None, former.server) and now.phase == "ready")
    assert not outcome.failed and state_of(server).restarts == former.restarts + 1
    assert group_members(triton_of(former).pid) == []
    prefix = ServerFiles.of(server.settings).shm_prefix
    assert len({path.name[len(prefix)] for path in Path("/dev/shm").glob(f"{prefix}*")}) == 1, "of one Triton only"


def test_when_the_gateway_dies_only_what_is_in_flight_is_lost_and_another_takes_its_place(server: Place) -> None:
    former = state_of(server)
    (gateway,) = former.others
    outcome = asked_while(
        server,
        lambda _: os.kill(gateway.pid, signal.SIGKILL),
        lambda now: now.others != former.others and get(server, "/health/live")[0] == 200,
    )
    assert set(outcome.failed) <= {"peer: ConnectionResetError", "peer: IncompleteReadError"}
    assert outcome.failed.total() <= 4, "no more than one for each client"
    assert state_of(server).server == former.server


def test_a_triton_that_hangs_is_not_ready_and_is_replaced(impatient: Place) -> None:
    former = state_of(impatient)
    for model in children_of(triton_of(former).pid):
        os.kill(model.pid, signal.SIGSTOP)
    code, retry_after = get(impatient, "/health/ready")
    told = status(impatient.settings)
    assert code == 503 and retry_after and told is not None and not told["answers"]
    assert wait_until(lambda: state_of(impatient).server != former.server and state_of(impatient).phase == "ready", 40)
    assert get(impatient, "/health/ready")[0] == 200 and group_members(triton_of(former).pid) == []


def test_a_restart_that_fails_does_not_end_the_service_and_another_release_mends_it(impatient: Place) -> None:
    shutil.rmtree(impatient.releases / OLD)
    kill_triton(state_of(impatient))
    assert wait_until(lambda: state_of(impatient).phase == "waiting", 20)
    assert "can't be started again" in state_of(impatient).problem
    use(impatient.settings, NEW)
    assert get(impatient, "/tag", {"text": "dress"})[0] == 200


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Place, Path]]:
    """A server whose classifier waits for a file, which is there while the server is tried out."""
    place = make_place(tmp_path / "build", gateway=True, instances=1)
    gate = tmp_path / "gate"
    before_each_batch(place, f"wait_for(Path({str(gate)!r}))", WAIT)
    gate.touch()
    try:
        start(place.settings)
        gate.unlink()
        for begun in tmp_path.glob("began-*"):
            begun.unlink()
        yield place, gate
    finally:
        gate.touch()
        stop(place.settings)


def test_a_server_that_stops_answers_what_is_in_flight_refuses_what_comes_and_ends(slow: tuple[Place, Path]) -> None:
    place, gate = slow
    state = state_of(place)
    found: list[tuple[int, str | None]] = []
    kept = http.client.HTTPConnection(place.http, timeout=20)
    kept.request("GET", "/health/live")
    kept.getresponse().read()
    asking = threading.Thread(target=lambda: found.append(get(place, "/tag", {"text": "dress"})))
    asking.start()
    assert wait_until(lambda: list(gate.parent.glob("began-*")) != [], 20)
    state.supervisor.signal(signal.SIGTERM)
    assert wait_until(lambda: state_of(place).phase == "stopping", 20)

    def is_refused() -> bool:
        kept.request("POST", "/tag", '{"text": "dress"}', {"Content-Type": "application/json"})
        response = kept.getresponse()
        response.read()
        return response.status == 503 and response.headers["Retry-After"] is not None

    assert is_refused() and not found
    gate.touch()
    asking.join(20)
    assert found == [(200, None)]
    assert state.supervisor.wait(20) and not any(one.alive() for one in state.processes)


def test_when_the_supervisor_is_killed_nothing_is_left(tmp_path: Path) -> None:
    place = make_place(tmp_path / "build", gateway=True)
    state = start(place.settings)
    assert len(state.processes) == 2
    os.kill(state.supervisor.pid, signal.SIGKILL)
    try:
        assert wait_until(lambda: not any(group_members(one.pid) for one in state.processes), 30)
        assert not list(Path("/dev/shm").glob(f"{ServerFiles.of(place.settings).shm_prefix}*"))
        with pytest.raises(ConnectionRefusedError):
            get(place, "/health/live")
    finally:
        stop(place.settings)
