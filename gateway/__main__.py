"""Command line of the gateway. `python -m gateway serve` is what `python -m serving run` starts beside Triton."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence

from gateway.service import serve
from settings import Settings, add_settings_options, load_settings
from steps import run_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description="The public door before Triton.")
    commands = parser.add_subparsers(dest="command", required=True)
    shared = add_settings_options(argparse.ArgumentParser(add_help=False))
    command = commands.add_parser(
        "serve", parents=[shared], help="listen; what `python -m serving run` starts beside Triton"
    )
    command.add_argument("--socket", type=int, help="the open file that listens for HTTP (default: it listens itself)")
    options = parser.parse_args(arguments)
    return run_command(lambda: _serve(load_settings(options.config, options.set), options.socket), stopped="Stopped.")


def _serve(settings: Settings, number: int | None) -> int:
    asyncio.run(serve(settings, None if number is None else socket.socket(fileno=number)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
