"""Command line of the gateway. `python -m gateway serve` is what `python -m serving run` starts beside Triton."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from gateway.keys import add_key, describe, read_keys, revoke_key
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
    _add_keys_commands(commands.add_parser("keys", help="make, list and revoke the keys that callers show"), shared)
    options = parser.parse_args(arguments)
    if options.command == "keys":
        return run_command(lambda: _keys(load_settings(options.config, options.set).gateway.keys_file, options))
    return run_command(lambda: _serve(load_settings(options.config, options.set), options.socket), stopped="Stopped.")


def _add_keys_commands(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", parents=[shared], help="make a key, and print it: it is kept nowhere")
    add.add_argument("name", metavar="NAME", help="whose it is, as the access log will show it")
    add.add_argument("--days", type=float, metavar="N", help="days until it expires (default: never)")
    add.add_argument("--rate", type=float, metavar="N", help="most requests a second (default: no limit)")
    add.add_argument("--concurrency", type=int, metavar="N", help="most requests in flight (default: no limit)")
    actions.add_parser("list", parents=[shared], help="names, limits and expiry; never the keys")
    revoke = actions.add_parser("revoke", parents=[shared], help="refuse a key from now on")
    revoke.add_argument("name", metavar="NAME", help="whose it is")


def _keys(path: Path, options: argparse.Namespace) -> int:
    if options.action == "add":
        made = add_key(
            path,
            options.name,
            days=options.days,
            requests_per_second=options.rate,
            concurrency=options.concurrency,
        )
        print(made)
        print(f"Only its hash is kept, in {path}. Callers send it as `Authorization: Bearer …`.", file=sys.stderr)
    elif options.action == "list":
        print("\n".join(describe(read_keys(path))) or f"There are no keys in {path}.")
    else:
        revoke_key(path, options.name)
        print(f"Revoked {options.name}.")
    return 0


def _serve(settings: Settings, number: int | None) -> int:
    uvloop.run(serve(settings, None if number is None else socket.socket(fileno=number)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
