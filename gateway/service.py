"""The gateway's process: what it is made of, and how it starts, follows switches, and stops."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn

from gateway.app import Door
from gateway.backends import Backend, Backends
from gateway.draining import Draining
from gateway.engine import CurrentEngine, HttpEngine
from gateway.errors import GatewayError
from gateway.following import Follower
from gateway.inference_grpc import GrpcDoor, start_grpc
from gateway.joining import Joiner
from gateway.protocol import BoundedProtocol
from serving.repository import plan_processes, usable_cores
from serving.state import ServerFiles
from serving.target import Target
from settings import Settings

MAX_BODY = 16 << 20
CLOSES_S = 5
"""For connections whose last answer is on its way, in seconds."""


class HttpServer(uvicorn.Server):
    """uvicorn without its own signal handlers: stopping is the gateway's affair, which has more to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals as they are."""
        yield


async def serve(settings: Settings, http: socket.socket | None = None) -> None:
    """Serves until SIGTERM; SIGHUP has it read which Triton to ask.

    Args:
        settings: The configuration.
        http: Listens for HTTP; None to listen as the settings say.

    Raises:
        GatewayError: Nothing can listen at the address.
    """
    serving = settings.serving
    timeout_s = (serving.request_timeout_ms or 60_000) / 1000

    def connect(target: Target) -> Backend:
        return Backend(target, HttpEngine(target.host, target.http_port, timeout_s))

    backends = Backends(connect, timeout_s)
    files = ServerFiles.of(settings)
    follower = Follower(backends, files)
    backends.swap(Target.read(files.target))  # before the first request comes
    engine = CurrentEngine(backends.call)
    lanes = max(1, plan_processes(serving, usable_cores()).classifiers)
    joiner = Joiner(
        engine.infer, lanes=lanes, most=min(16, serving.max_batch_size), room=serving.max_queue_size or 100_000
    )
    door = Door(engine, joiner, max_texts=serving.max_batch_size, max_body=MAX_BODY, timeout_s=timeout_s)
    app = Draining(door)
    config = uvicorn.Config(
        app,
        host=serving.address,
        port=serving.http_port,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=CLOSES_S,
    )
    server = HttpServer(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, follower.follow)
    listening = asyncio.ensure_future(_listen(server, http))
    try:
        while not server.started and not listening.done():
            await asyncio.sleep(0.01)
        if not listening.done():
            grpc_door = GrpcDoor(door.open_inference.tell, door.probe, door.inference, joiner)
            grpc_server = await start_grpc(grpc_door, serving.address, serving.grpc_port, MAX_BODY)
            follower.follow()  # which tells that the gateway listens
            await stop.wait()
            patience_s = serving.stop_timeout_s - CLOSES_S
            await asyncio.gather(app.stop(patience_s), grpc_server.stop(patience_s))
            server.should_exit = True
        await listening
    finally:
        backends.close()


async def _listen(server: HttpServer, http: socket.socket | None) -> None:
    try:
        await server.serve(None if http is None else [http])
    except SystemExit:
        where = f"{server.config.host} port {server.config.port}"
        raise GatewayError(f"Nothing can listen at {where}: see `python -m serving preflight`.") from None
