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
from serving.target import Target, write_small
from settings import Settings
from steps import Busy, locked

SERVING = "serving"


@dataclass(frozen=True)
class ServerFiles:
    """The files of one server, by its HTTP port."""

    directory: Path

    @classmethod
    def of(cls, settings: Settings) -> ServerFiles:
        """The files of the server these settings describe."""
        return cls(settings.build_dir.resolve() / SERVING / str(settings.serving.http_port))

    def repository(self, slot: int) -> Path:
        """What a Triton is started on: there are two while one takes the other's place, in slots 0 and 1."""
        return self.directory / f"model_repository.{slot}"

    @property
    def settings(self) -> Path:
        """The settings as they were when the server was started, whatever file and overrides they came from."""
        return self.directory / "settings.yaml"

    @property
    def target(self) -> Path:
        """Which Triton the gateway is to ask (serving/target.py)."""
        return self.directory / "backend.json"

    @property
    def gateway(self) -> Path:
        """Which Triton the gateway asks, and which it still waits for (serving/target.py)."""
        return self.directory / "gateway.json"

    @property
    def gateway_log(self) -> Path:
        """What the gateway wrote since the server was started."""
        return self.directory / "gateway.log"

    @property
    def access_log(self) -> Path:
        """One line for each request to the gateway."""
        return self.directory / "access.log"

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
        phase: `starting`, `ready`, `switching`, `waiting` (nothing runs until the next attempt) or `stopping`.
        release: The id it serves, or will.
        address: Where it listens.
        http_port: Port for HTTP.
        grpc_port: Port for gRPC.
        metrics_port: Port for Prometheus metrics.
        started: When it last got ready or began to start, in seconds since 1970.
        problem: Why the last switch failed; empty when it didn't.
        restarts: How many times Triton ended by itself and was started anew.
        host: The name of the machine or container it runs in; the process ids are those there.
        others: Its other processes: the gateway, and a second tritonserver while it switches.
        target: Where tritonserver listens; with a gateway that is not where the server does.
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
    others: tuple[ProcessId, ...] = ()
    target: Target | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is under way."""
        return self.phase in ("ready", "waiting")

    @property
    def processes(self) -> list[ProcessId]:
        """What it has started, each the leader of a group."""
        return [*([self.server] if self.server else []), *self.others]

    def write(self, path: Path) -> None:
        """Puts the state on disk in one step; on a full disk in the place of the former one, which needs no room.

        Raises:
            DiskError: The disk is full and there is no former state, or the path can't be written.
        """
        write_small(path, json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> ServerState | None:
        """The state on disk; None when there is none, or none that can be read."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            server, target = values.pop("server"), values.pop("target", None)
            return cls(
                supervisor=ProcessId(**values.pop("supervisor")),
                server=ProcessId(**server) if server else None,
                others=tuple(ProcessId(**one) for one in values.pop("others", ())),
                target=Target(**target) if target else None,
                **values,
            )
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
    """Ends what a killed server left: its processes, and its shared memory. To be called with the place locked."""
    state = ServerState.read(files.state)
    for process in state.processes if state is not None else ():
        process.kill_group()
        process.wait(5)
    for path in (files.state, files.target, files.gateway):
        path.unlink(missing_ok=True)
    remove_regions(files.shm_prefix)


def remove_regions(prefix: str) -> None:
    """Removes shared memory by the beginning of its name."""
    for region in Path("/dev/shm").glob(f"{prefix}*"):
        region.unlink(missing_ok=True)
