"""The gateway's process: what it is made of, and how it starts, follows switches, and stops."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from gateway.access_log import AccessLog
from gateway.admission import KeyRing, require_keys
from gateway.answers import Labels
from gateway.app import Door
from gateway.backends import Backend, Backends
from gateway.draining import Draining
from gateway.engine import CurrentEngine, HttpEngine
from gateway.errors import BadText, GatewayError
from gateway.following import Follower
from gateway.grpc_access import GrpcAccess
from gateway.guarding import Guarded
from gateway.inference_grpc import GrpcDoor, start_grpc
from gateway.joining import Joiner
from gateway.metrics import Metrics
from gateway.metrics_app import MetricsApp, triton_metrics
from gateway.observing import Observed
from gateway.protocol import BoundedProtocol
from gateway.tls import Certificate
from serving.repository import plan_processes, usable_cores
from serving.state import ServerFiles
from serving.target import Target
from settings import GatewaySettings, Settings

MAX_BODY = 16 << 20
CLOSES_S = 5
"""For connections whose last answer is on its way, in seconds."""
FILES = 8192
KEPT_S = 0.5
"""How often the access log goes to the disk, and the certificate is looked at."""


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
        GatewayError: Nothing can listen at the address, other machines would be served without keys, or the files of
            keys or of the certificate can't be read.
    """
    serving = settings.serving
    _raise_file_limit()
    keys = KeyRing(settings.gateway.keys_file)
    require_keys(serving.address, keys)
    certificate = _certificate(settings.gateway)
    timeout_s = (serving.request_timeout_ms or 60_000) / 1000

    def connect(target: Target) -> Backend:
        return Backend(target, HttpEngine(target.host, target.http_port, timeout_s))

    backends = Backends(connect, timeout_s)
    files = ServerFiles.of(settings)
    follower = Follower(backends, files)
    backends.swap(Target.read(files.target))  # before the first request comes
    engine = CurrentEngine(backends.call)
    lanes = max(1, plan_processes(serving, usable_cores()).classifiers)
    metrics = Metrics(lambda: joiner.waiting)

    async def send(texts: list[bytes]) -> list[Labels | BadText]:
        metrics.sent(len(texts))
        return await engine.infer(texts)

    joiner: Joiner[Labels] = Joiner(
        send, lanes=lanes, most=min(16, serving.max_batch_size), room=serving.max_queue_size or 100_000
    )
    door = Door(engine, joiner, max_texts=serving.max_batch_size, max_body=MAX_BODY, timeout_s=timeout_s)
    app = Draining(Guarded(door, keys))
    log = AccessLog(files.access_log, settings.gateway.access_log_mib << 20)
    server = HttpServer(_config(Observed(app, log, metrics), serving.address, serving.http_port, certificate))
    told = Guarded(MetricsApp(metrics, lambda: triton_metrics(backends)), keys)
    metrics_server = HttpServer(_config(told, serving.address, serving.metrics_port, certificate))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, follower.follow)
    servers = [server, metrics_server]
    listening = asyncio.gather(_listen(server, http), _listen(metrics_server, None))
    keeping = asyncio.ensure_future(_keep(log, certificate))
    try:
        while not all(one.started for one in servers) and not listening.done():
            await asyncio.sleep(0.01)
        if not listening.done():
            access = GrpcAccess(keys, log, metrics)
            grpc_door = GrpcDoor(door.open_inference.tell, door.readiness.require, door.inference, joiner, access)
            grpc_server = await start_grpc(grpc_door, serving.address, serving.grpc_port, MAX_BODY, certificate)
            follower.follow()  # which tells that the gateway listens
            await stop.wait()
            patience_s = serving.stop_timeout_s - CLOSES_S
            await asyncio.gather(app.stop(patience_s), grpc_server.stop(patience_s))
            for one in servers:
                one.should_exit = True
        await listening
    finally:
        keeping.cancel()
        log.flush()
        backends.close()


def _config(app: ASGIApp, address: str, port: int, certificate: Certificate | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        host=address,
        port=port,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who asks is who is connected, whatever X-Forwarded-For says
        log_level="warning",
        timeout_graceful_shutdown=CLOSES_S,
    )
    config.load()
    config.ssl = certificate.context if certificate is not None else None
    return config


def _raise_file_limit() -> None:
    """Each connection is an open file, and the usual limit of 1,024 has no room for as many as may be open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _certificate(settings: GatewaySettings) -> Certificate | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_certificate, settings.tls_key)


async def _keep(log: AccessLog, certificate: Certificate | None) -> None:
    """What has to be done from time to time."""
    while True:
        await asyncio.sleep(KEPT_S)
        log.flush()
        if certificate is not None:
            certificate.refresh()


async def _listen(server: HttpServer, http: socket.socket | None) -> None:
    try:
        await server.serve(None if http is None else [http])
    except SystemExit:
        where = f"{server.config.host} port {server.config.port}"
        raise GatewayError(f"Nothing can listen at {where}: see `python -m serving preflight`.") from None
