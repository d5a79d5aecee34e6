"""The commands that act on servers from outside: start in the background, stop, status, switch releases."""

from __future__ import annotations

import logging
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from serving.command import own_command, own_environment
from serving.errors import ServingError
from serving.health import Endpoint
from serving.processes import spawn_dependent, wait_until
from serving.releases import (
    Release,
    current_release,
    find_release,
    release_before_current,
    switch_current,
)
from serving.state import ServerFiles, ServerState, clear_leftovers, running_servers, running_state
from settings import Settings
from steps import staged_file

logger = logging.getLogger(__name__)


def start(settings: Settings, *, dependent: bool = False) -> ServerState:
    """Starts a server in the background and waits until it is ready; one that runs already is left as it is.

    Args:
        settings: The configuration.
        dependent: Whether the server ends when the calling process ends, however it does. To be called from the main
            thread then.

    Raises:
        ServingError: It didn't get ready; the message is the server's own.
        DiskError: The disk is full, or the build directory can't be written.
    """
    files = ServerFiles.of(settings)
    state = running_state(files)
    if state is not None and state.phase == "ready":
        return state
    # The background process gets the settings as they are now, whatever file and overrides they came from.
    configuration = files.settings
    with staged_file(configuration) as staging:
        staging.write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    offset = files.supervisor_log.stat().st_size if files.supervisor_log.exists() else 0
    command = own_command("serving", "run", "--config", str(configuration))
    environment = own_environment()
    with files.supervisor_log.open("ab") as log:
        if dependent:
            process = spawn_dependent(command, environment, log)
        else:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
            )
    try:
        while True:
            state = running_state(files)
            if state is not None and state.supervisor.pid == process.pid and state.phase == "ready":
                return state
            if process.poll() is not None:
                raise ServingError(_last_words(files.supervisor_log, offset))
            time.sleep(0.1)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def _last_words(log: Path, offset: int) -> str:
    with log.open("rb") as stream:
        stream.seek(offset)
        lines = stream.read().decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    return f"The server ended while it started. Its last line: {lines[-1] if lines else 'none'} (all: {log})"


def stop(settings: Settings) -> bool:
    """Stops the server of these settings; False when none ran.

    Raises:
        ServingError: It doesn't end.
    """
    files = ServerFiles.of(settings)
    state = running_state(files)
    if state is None:
        if files.state.exists():
            # Its supervisor was killed; what it started then ends by itself, which takes some seconds.
            left = ServerState.read(files.state)
            for process in left.processes if left is not None else ():
                process.wait(settings.serving.stop_timeout_s)
            with files.locked():
                clear_leftovers(files)
        return False
    state.supervisor.signal(signal.SIGTERM)
    if not state.supervisor.wait(settings.serving.stop_timeout_s + 15):
        raise ServingError(
            f"The server (process {state.supervisor.pid}) does not end. Kill it: `kill -9 {state.supervisor.pid}`."
        )
    return True


def status(settings: Settings) -> dict[str, Any] | None:
    """What is known of the server of these settings; None when it doesn't run."""
    state = running_state(ServerFiles.of(settings))
    if state is None:
        return None
    # Behind a gateway Triton itself knows the counts.
    where = state.target
    endpoint = Endpoint(where.host, where.http_port) if where else Endpoint(state.address, state.http_port)
    answer: dict[str, Any] = {
        "phase": state.phase,
        "answers": endpoint.tag() is None,
        "release": state.release,
        "address": state.address,
        "http_port": state.http_port,
        "grpc_port": state.grpc_port,
        "metrics_port": state.metrics_port,
        "process": state.supervisor.pid,
        "seconds": round(time.time() - state.started),
        "restarts": state.restarts,
        **endpoint.counts(),
    }
    if state.problem:
        answer["problem"] = state.problem
    try:
        current = current_release(settings.build_dir / "releases").id
    except ServingError:
        current = ""
    if current and current != state.release:
        answer["current_release"] = current
    return answer


def use(settings: Settings, release_id: str | None) -> tuple[Release, list[int]]:
    """Makes a release current and has all running servers of the build directory switch to it.

    Args:
        settings: Where the releases are, and how long to wait.
        release_id: An id or the beginning of one; None for the release before the current one.

    Returns:
        The release, and the HTTP ports of the servers that serve it now.

    Raises:
        ServingError: No such release, or a server can't serve it. Then `current` names what it did before.
    """
    releases = settings.build_dir / "releases"
    release = find_release(releases, release_id) if release_id is not None else release_before_current(releases)
    try:
        former = current_release(releases).id
    except ServingError:
        former = ""
    switch_current(releases, release.id)
    switched: list[int] = []
    for files, state in running_servers(settings.build_dir):
        if state.release == release.id and state.phase == "ready":
            continue
        problem = _switch_server(files, state, release.id, settings)
        if problem:
            if former:
                switch_current(releases, former)
                # Those that switched before it go back, so that all serve what is current.
                for port in switched:
                    _switch_port(settings, port, former)
            raise ServingError(f"{problem} `current` names {former or release.id} as before.")
        switched.append(state.http_port)
    return release, switched


def _switch_port(settings: Settings, port: int, release_id: str) -> None:
    for files, state in running_servers(settings.build_dir):
        if state.http_port == port:
            _switch_server(files, state, release_id, settings)


def _switch_server(files: ServerFiles, state: ServerState, release_id: str, settings: Settings) -> str:
    """Has one server switch to `current`; empty when it serves it, else why it doesn't."""
    wait_until(lambda: (now := running_state(files)) is None or now.settled, settings.serving.start_timeout_s)
    before = running_state(files)
    if before is None:
        return ""  # it has been stopped meanwhile
    before.supervisor.signal(signal.SIGHUP)

    def settled() -> bool:
        now = running_state(files)
        return now is None or (now.settled and now.started != before.started)

    # Two starts, and what the former Triton still has to answer.
    patience = 2 * settings.serving.start_timeout_s + settings.serving.stop_timeout_s + 60
    if not wait_until(settled, patience, pause=0.1):
        return f"The server on port {state.http_port} did not switch within {patience} s."
    after = running_state(files)
    if after is None:
        return f"The server on port {state.http_port} ended while it switched; see {files.supervisor_log}."
    if after.release != release_id:
        return f"The server on port {state.http_port} still serves {after.release}: {after.problem}"
    return ""
