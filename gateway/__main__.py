"""Command line of the gateway: `python -m gateway`, before a server that runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import uvicorn

from gateway.app import Door
from gateway.engine import Engine
from gateway.errors import GatewayError
from gateway.joining import Joiner
from gateway.protocol import BoundedProtocol
from serving.repository import plan_processes, usable_cores
from serving.state import ServerFiles, running_state
from settings import Settings, add_settings_options, load_settings
from steps import run_command

ADDRESS = "127.0.0.1"
MAX_BODY = 16 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until Ctrl-C; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway", description="JSON over HTTP in front of the running server, for this machine."
    )
    add_settings_options(parser)
    parser.add_argument("--port", type=int, default=8080, help="where it listens at 127.0.0.1 (default: 8080)")
    options = parser.parse_args(arguments)
    return run_command(lambda: serve(load_settings(options.config, options.set), options.port), stopped="Stopped.")


def serve(settings: Settings, port: int) -> int:
    """Runs the gateway.

    Raises:
        GatewayError: No server runs, or the port is taken.
    """
    state = running_state(ServerFiles.of(settings))
    if state is None:
        raise GatewayError("No server of these settings runs. Start one: `python -m serving start`.")
    serving = settings.serving
    timeout_s = (serving.request_timeout_ms or 60_000) / 1000
    host = "127.0.0.1" if state.address == "0.0.0.0" else state.address
    engine = Engine(host, state.http_port, timeout_s)
    lanes = max(1, plan_processes(serving, usable_cores()).classifiers)
    joiner = Joiner(
        engine.infer, lanes=lanes, most=min(16, serving.max_batch_size), room=serving.max_queue_size or 100_000
    )
    door = Door(engine, joiner, max_texts=serving.max_batch_size, max_body=MAX_BODY, timeout_s=timeout_s)
    print(f'Try it:\n  curl -s http://{ADDRESS}:{port}/tag --json \'{{"text": "cotton summer dress"}}\'', flush=True)
    try:
        uvicorn.run(
            door,
            host=ADDRESS,
            port=port,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=serving.stop_timeout_s,
        )
    except SystemExit:
        raise GatewayError(f"Nothing can listen at {ADDRESS} port {port}: choose another with --port.") from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
