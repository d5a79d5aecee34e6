"""What a running server leaves on disk, so that other commands find it: build/serving/<http_port>/."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ServingError
from serving.processes import ProcessId
from settings import Settings
from steps import Busy, DiskError, disk_errors, locked, staged_file

SERVING = "serving"


@dataclass(frozen=True)
class ServerFiles:
    """The files of one server, by its HTTP port."""

    directory: Path

    @classmethod
    def of(cls, settings: Settings) -> ServerFiles:
        """The files of the server these settings describe."""
        return cls(settings.build_dir.resolve() / SERVING / str(settings.serving.http_port))

    @property
    def repository(self) -> Path:
        """What Triton is started on."""
        return self.directory / "model_repository"

    @property
    def log(self) -> Path:
        """All that tritonserver wrote since the server was started."""
        return self.directory / "triton.log"

    @property
    def supervisor_log(self) -> Path:
        """What a server started in the background would have shown."""
        return self.directory / "supervisor.log"

    @property
    def state(self) -> Path:
        """Who runs, and what."""
        return self.directory / "state.json"

    @property
    def shm_prefix(self) -> str:
        """Begins the names of the server's shared memory; different for every server of the machine."""
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]
        return f"product-tagger-{self.directory.name}-{digest}-"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the server's place; it is free again when the process ends, however it ends.

        Raises:
            ServingError: A server runs there.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.directory / "server"))
            except Busy:
                raise ServingError(self._who_runs()) from None
            yield

    def _who_runs(self) -> str:
        state = ServerState.read(self.state)
        if state is not None and state.host not in ("", socket.gethostname()):
            # A container's name for itself is the id by which docker knows it.
            return (
                f"A server with HTTP port {self.directory.name} runs in the container {state.host}. Stop it: "
                f"`docker stop {state.host}`; its other commands: `docker exec {state.host} python -m serving`."
            )
        return (
            f"A server with HTTP port {self.directory.name} runs already. See `python -m serving status`, stop it with "
            "`python -m serving stop`, or choose other ports (serving.http_port, grpc_port and metrics_port)."
        )


@dataclass(frozen=True)
class ServerState:
    """One running server.

    Attributes:
        supervisor: The process that watches Triton.
        server: The tritonserver process; None before it is started.
        phase: `starting`, `ready`, `switching` or `stopping`.
        release: The id it serves, or will.
        address: Where it listens.
        http_port: Port for HTTP.
        grpc_port: Port for gRPC.
        metrics_port: Port for Prometheus metrics.
        started: When it last got ready or began to start, in seconds since 1970.
        problem: Why the last switch failed; empty when it didn't.
        restarts: How many times Triton ended by itself and was started anew.
        host: The name of the machine or container it runs in; the process ids are those there.
    """

    supervisor: ProcessId
    server: ProcessId | None
    phase: str
    release: str
    address: str
    http_port: int
    grpc_port: int
    metrics_port: int
    started: float
    problem: str = ""
    restarts: int = 0
    host: str = ""

    def write(self, path: Path) -> None:
        """Puts the state on disk in one step; on a full disk in the place of the former one, which needs no room.

        Raises:
            DiskError: The disk is full and there is no former state, or the path can't be written.
        """
        text = json.dumps(dataclasses.asdict(self), indent=1) + "\n"
        try:
            with staged_file(path) as staging:
                staging.write_text(text, encoding="utf-8")
        except DiskError:
            if not path.is_file():
                raise
            with disk_errors(path.parent), path.open("r+", encoding="utf-8") as stream:
                stream.write(text)
                stream.truncate()

    @classmethod
    def read(cls, path: Path) -> ServerState | None:
        """The state on disk; None when there is none, or none that can be read."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            server = values.pop("server")
            supervisor = ProcessId(**values.pop("supervisor"))
            return cls(supervisor=supervisor, server=ProcessId(**server) if server else None, **values)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def running_state(files: ServerFiles) -> ServerState | None:
    """The state, if its supervisor still runs."""
    state = ServerState.read(files.state)
    return state if state is not None and state.supervisor.alive() else None


def running_servers(build_dir: Path) -> list[tuple[ServerFiles, ServerState]]:
    """All servers of a build directory that run."""
    found = []
    for path in sorted((build_dir.resolve() / SERVING).glob("*/state.json")):
        files = ServerFiles(path.parent)
        state = running_state(files)
        if state is not None:
            found.append((files, state))
    return found


def clear_leftovers(files: ServerFiles) -> None:
    """Ends what a killed server left: its tritonserver, and its shared memory. To be called with the place locked."""
    state = ServerState.read(files.state)
    if state is not None and state.server is not None and state.server.alive():
        state.server.kill_group()
        state.server.wait(5)
    files.state.unlink(missing_ok=True)
    for region in Path("/dev/shm").glob(f"{files.shm_prefix}*"):
        region.unlink(missing_ok=True)
