"""Command line of serving: `python -m serving run | start | stop | status | preflight | logs | releases …`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

from serving.control import start, status, stop, use
from serving.errors import ServingError
from serving.health import Endpoint, try_it
from serving.logs import follow, readable
from serving.preflight import examine
from serving.releases import CURRENT, list_releases
from serving.repository import is_gpu_repository
from serving.state import ServerFiles, running_state
from serving.supervisor import Supervisor
from settings import Settings, add_settings_options, load_settings
from steps import run_command

NOT_RUNNING = 3
"""Exit status of `status` without a server, as init scripts have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit status."""
    options = _parser().parse_args(arguments)
    work = _COMMANDS[options.command]
    return run_command(lambda: work(load_settings(options.config, options.set), options), stopped="Interrupted.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving", description="The current release on the Triton Inference Server."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    shared = add_settings_options(argparse.ArgumentParser(add_help=False))
    commands.add_parser("run", parents=[shared], help="serve in the foreground until Ctrl-C")
    commands.add_parser("start", parents=[shared], help="serve in the background; returns when ready")
    commands.add_parser("stop", parents=[shared], help="stop the server")
    commands.add_parser("url", parents=[shared], help="where clients find it")
    command = commands.add_parser("status", parents=[shared], help="what runs (exit status 3: nothing)")
    command.add_argument("--json", action="store_true", help="one JSON object")
    command = commands.add_parser("preflight", parents=[shared], help="whether it could start here (exit status 1: no)")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command = commands.add_parser("logs", parents=[shared], help="Triton's log")
    command.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C or the server's end")
    command.add_argument("-n", "--lines", type=int, default=100, help="so many last lines (default: 100; 0: all)")
    command.add_argument("--all", action="store_true", help="also the lines that only say that there is no GPU")
    command = commands.add_parser("releases", parents=[shared], help="the releases there are")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command = commands.add_parser("rollback", parents=[shared], help="back to the release before the current one")
    command.add_argument("id", nargs="?", help="to this release instead; the beginning of its id is enough")
    command = commands.add_parser("use", parents=[shared], help="make a release current and serve it")
    command.add_argument("id", help="the release; the beginning of its id is enough")
    return parser


def _run(settings: Settings, options: argparse.Namespace) -> int:
    Supervisor(settings).run()
    return 0


def _start(settings: Settings, options: argparse.Namespace) -> int:
    running = running_state(ServerFiles.of(settings))
    state = start(settings)
    told = "runs already" if running == state else "is ready"
    print(f"The server {told} (process {state.supervisor.pid}): release {state.release}. Try it:")
    print(f"  {try_it(settings)}")
    return 0


def _stop(settings: Settings, options: argparse.Namespace) -> int:
    port = settings.serving.http_port
    print("Stopped." if stop(settings) else f"No server with HTTP port {port} runs.")
    return 0


def _url(settings: Settings, options: argparse.Namespace) -> int:
    where = running_state(ServerFiles.of(settings)) or settings.serving
    print(f"grpc://{Endpoint(where.address, where.http_port).host}:{where.grpc_port}")
    return 0


def _status(settings: Settings, options: argparse.Namespace) -> int:
    found = status(settings)
    if options.json:
        print(json.dumps(found))
    elif found is None:
        print(f"No server with HTTP port {settings.serving.http_port} runs. Start one: `python -m serving start`.")
    else:
        _print_status(found)
    return NOT_RUNNING if found is None else 0


def _print_status(found: dict[str, Any]) -> None:
    phase = found["phase"] if found["answers"] or found["phase"] != "ready" else "ready, but it does not answer"
    print(f"{phase} for {found['seconds']:,} s: release {found['release']} (process {found['process']})")
    ports = (found["http_port"], found["grpc_port"], found["metrics_port"])
    print("{}: HTTP {}, gRPC {}, metrics {}".format(found["address"], *ports))
    if "answered" in found:
        print(f"{found['answered']:,} requests answered, {found['failed']:,} failed, {found['mean_ms']:.2f} ms each")
    if found["restarts"]:
        print(f"Triton ended by itself, or hung, and was started again: {found['restarts']} times")
    if "problem" in found:
        print(f"What failed last: {found['problem']}")
    if "current_release" in found:
        current = found["current_release"]
        print(f"The current release is another, {current}. Serve it: `python -m serving use {current}`")


def _preflight(settings: Settings, options: argparse.Namespace) -> int:
    findings = examine(settings)
    problems = [finding for finding in findings if finding.outcome == "problem"]
    width = max(len(finding.check) for finding in findings)
    for finding in findings:
        if options.json:
            print(json.dumps(dataclasses.asdict(finding)))
        else:
            print(f"{finding.outcome:<7}  {finding.check:<{width}}  {finding.told}")
    if not options.json:
        print("In order." if not problems else f"{len(problems)} to be mended before the server can start.")
    return 1 if problems else 0


def _logs(settings: Settings, options: argparse.Namespace) -> int:
    files = ServerFiles.of(settings)
    gpu = any(is_gpu_repository(files.repository(slot)) for slot in (0, 1))
    if not files.log.exists():
        raise ServingError(f"There is no log at {files.log}: no server with this HTTP port has been started.")
    if options.follow:
        for line in follow(files.log, lambda: running_state(files) is None):
            if options.all or readable(line, gpu=gpu) is not None:
                print(line, flush=True)
        return 0
    with files.log.open(encoding="utf-8", errors="replace") as stream:
        shown = (line for line in stream if options.all or readable(line, gpu=gpu) is not None)
        for line in deque(shown, maxlen=options.lines or None):
            print(line, end="")
    return 0


def _releases(settings: Settings, options: argparse.Namespace) -> int:
    directory = settings.build_dir / "releases"
    releases = list_releases(directory)
    link = directory / CURRENT
    current = link.resolve().name if link.is_symlink() else ""
    if not releases:
        raise ServingError(f"There is no release in {directory}. Make one: `make export` (after `make train`).")
    width = max(len(release.id) for release in releases)
    if not options.json:
        print(f"  {'id':<{width}}  {'created':<20}  target  metrics")
    for release in releases:
        mark = release.id == current
        if options.json:
            row = {"id": release.id, "created": release.created, "target": release.target, "current": mark}
            print(json.dumps({**row, "metrics": release.metrics}))
            continue
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in list(release.metrics.items())[:4])
        columns = f"{release.id:<{width}}  {release.created[:20]:<20}  {release.target:<6}"
        print(f"{'*' if mark else ' '} {columns}  {metrics}")
    if not options.json:
        print("* is current.")
    return 0


def _use(settings: Settings, options: argparse.Namespace) -> int:
    release, ports = use(settings, options.id)
    print(f"{release.id} is current now.")
    if ports:
        print(f"Served on HTTP port {', '.join(str(port) for port in ports)}; requests go to it now.")
    else:
        print("No running server had to switch; the next start serves it.")
    return 0


_COMMANDS = {
    "run": _run,
    "start": _start,
    "stop": _stop,
    "url": _url,
    "status": _status,
    "preflight": _preflight,
    "logs": _logs,
    "releases": _releases,
    "rollback": _use,
    "use": _use,
}

if __name__ == "__main__":
    sys.exit(main())
