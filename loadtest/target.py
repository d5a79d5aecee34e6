"""The server that is measured: the one that runs, else the current release for the time of the run."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadtest.errors import LoadtestError
from serving.health import TAGGER, Endpoint
from serving.state import ServerFiles, ServerState, running_state
from serving.temporary import temporary_server
from settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """Where a server listens.

    Attributes:
        host: Name or address.
        http_port: Port for HTTP.
        grpc_port: Port for gRPC.
        started: Whether it was started for this run.
        release: What it serves, where that is known: another machine's or container's server doesn't tell.
        process: The supervising process, which has started all others, where it is one of this machine's.
    """

    host: str
    http_port: int
    grpc_port: int
    started: bool
    release: str | None = None
    process: int | None = None

    def ask(self, path: str) -> Any:
        """The answer to an HTTP GET, read as JSON.

        Raises:
            LoadtestError: No answer, or another than JSON with status 200.
        """
        body = get(self.host, self.http_port, path)
        try:
            return json.loads(body)
        except ValueError:
            raise LoadtestError(f"The server at {self.host}:{self.http_port} answered {path} with no JSON.") from None

    def facts(self) -> dict[str, Any]:
        """What a report says of the server."""
        server = self.ask("/v2")
        models = self.models()
        return {
            "host": self.host,
            "http_port": self.http_port,
            "grpc_port": self.grpc_port,
            "started_for_this_run": self.started,
            "release": self.release,
            "triton": server.get("version", ""),
            "models": models,
            "response_cache": self.cached(models),
        }

    def models(self) -> list[str]:
        """The ensemble's name, and those of the models its requests pass through."""
        config = self.ask(f"/v2/models/{TAGGER}/config")
        steps = config.get("ensemble_scheduling", {}).get("step", [])
        return [TAGGER, *(step["model_name"] for step in steps)]

    def cached(self, models: list[str]) -> list[str]:
        """Those of the models that answer repeated texts from the response cache."""
        configs = {name: self.ask(f"/v2/models/{name}/config") for name in models}
        return [name for name, config in configs.items() if config.get("response_cache", {}).get("enable")]


def get(host: str, port: int, path: str) -> bytes:
    """The body of the answer to an HTTP GET; no proxy stands between.

    Raises:
        LoadtestError: No answer, or another status than 200.
    """
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        told = "" if response.status == 200 else f"{response.status}: {body[:200].decode('utf-8', 'replace')}"
    except (OSError, http.client.HTTPException) as error:
        told = str(error) or type(error).__name__
    finally:
        connection.close()
    if told:
        raise LoadtestError(f"The server at {host}:{port} did not answer {path} ({told}).")
    return body


@contextlib.contextmanager
def served(settings: Settings, host: str | None = None) -> Iterator[Target]:
    """The server that runs on the configured ports; else the current release is served while the block runs.

    Args:
        settings: The ports, and what is to be served.
        host: A server elsewhere; none is started then. None for this machine.

    Raises:
        LoadtestError: There is no server at `host`.
        ServingError: None can be started.
    """
    ports = settings.serving
    endpoint = Endpoint(host or ports.address, ports.http_port)
    if endpoint.tag() is None:
        logger.info("Measuring the server that runs at %s:%d.", endpoint.host, ports.http_port)
        running = None if host else running_state(ServerFiles.of(settings))
        known = _known(running) if running else {}
        yield Target(endpoint.host, ports.http_port, ports.grpc_port, started=False, **known)
        return
    if host is not None:
        raise LoadtestError(
            f"No tagging server answers at {host}:{ports.http_port}. Start it there, or set serving.http_port and "
            "serving.grpc_port to its ports."
        )
    logger.info("No server runs on port %d: starting one for this run.", ports.http_port)
    with temporary_server(settings) as state:
        yield Target(endpoint.host, state.http_port, state.grpc_port, started=True, **_known(state))


def _known(state: ServerState) -> dict[str, Any]:
    """What a server has left on disk of itself; the number of a process is another one outside its container."""
    here = state.host in ("", socket.gethostname())
    process = state.supervisor.pid if here else None
    return {"release": state.release, "process": process}
