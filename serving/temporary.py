"""A server for the time of a block: on free ports, and never left behind."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
from collections.abc import Iterator

from serving.control import start, stop
from serving.errors import ServingError
from serving.preflight.ports import check_ports
from serving.state import ServerFiles, ServerState
from settings import Settings

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def temporary_server(settings: Settings) -> Iterator[ServerState]:
    """Serves the current release while the block runs.

    It ends with the block, and with the calling process however that ends. To be used in the main thread. Callers on
    this machine need no key.

    Args:
        settings: The configuration; where one of its ports is taken, free ports are used in place of all three.

    Yields:
        The server's state, with the ports it listens on.

    Raises:
        ServingError: It can't be started.
    """
    own = with_free_ports(settings)
    files = ServerFiles.of(own)
    served = _without_keys(own, files)
    try:
        state = start(served, dependent=True)
        yield state
    finally:
        stop(served)
    if own is not settings:
        shutil.rmtree(files.directory, ignore_errors=True)  # nobody looks for the log of ports nobody chose


def _without_keys(settings: Settings, files: ServerFiles) -> Settings:
    """The settings with no keys: who starts a server for a block asks it from this machine, and has none."""
    gateway = settings.gateway.model_copy(update={"keys_file": files.directory / "no-keys.json"})
    return settings.model_copy(update={"gateway": gateway})


def with_free_ports(settings: Settings) -> Settings:
    """The settings as they are where their ports are free; else with ports that are."""
    try:
        check_ports(settings.serving)
    except ServingError as error:
        logger.info("%s. Taking free ports.", str(error).partition(". ")[0])
        http, grpc, metrics = free_ports(3, settings.serving.address)
        ports = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics}
        return settings.model_copy(update={"serving": settings.serving.model_copy(update=ports)})
    return settings


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Ports nobody listens on at this moment, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((address, 0))
        return [one.getsockname()[1] for one in sockets]
