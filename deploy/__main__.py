"""Command line of the container: `python -m deploy image | export | serve | bench`, what make runs for TARGET=gpu."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from deploy.container import KEYS, Given, Job, docker_command, local_command
from deploy.contents import examine_image
from deploy.docker import Docker, find_docker
from deploy.errors import DeployError, Missing
from deploy.image import build_command, image_name, is_stale
from serving.errors import ServingError
from serving.preflight.gpu import find_gpus
from serving.preflight.ports import check_ports
from serving.releases import current_release
from serving.triton import find_official
from settings import Settings, add_settings_options, load_settings
from steps import run_command

JOBS = {
    "export": Job("export", ("--target", "gpu")),
    "serve": Job("serving", ("run",), listens=True),
    "bench": Job("loadtest.engines"),
}
DO_WITHOUT = ("export", "bench")
"""They do what they can where there is no container."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit status, unless another program has taken the process over."""
    parser = _parser()
    options, more = parser.parse_known_args(arguments)
    if more and options.command != "bench":
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    return run_command(lambda: _do(options, more), stopped="Interrupted.")


def _do(options: argparse.Namespace, more: Sequence[str]) -> int:
    if options.command == "check":
        return _check()
    if options.command == "image":
        _become(build_command(find_docker(), options.image))
    return _run(options, more)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy", description="The container image, and what runs in it on an NVIDIA GPU."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--image", default=image_name(), help="the image's name (default: $PRODUCT_TAGGER_IMAGE, or %(default)s)"
    )
    commands.add_parser("image", parents=[shared], help="build the image")
    settings = add_settings_options(argparse.ArgumentParser(add_help=False))
    export = commands.add_parser("export", parents=[shared, settings], help="make a release for GPUs")
    export.add_argument("--force", action="store_true", help="export again even if nothing has changed")
    commands.add_parser("serve", parents=[shared, settings], help="serve the current release until Ctrl-C")
    commands.add_parser("bench", parents=[shared, settings], help="measure the engine beside PyTorch")
    commands.add_parser("check", help="inside an image: whether it has what it must have")
    return parser


def _run(options: argparse.Namespace, more: Sequence[str]) -> NoReturn:
    """Becomes the job, in a container where that is to be had; the benchmark has options of its own."""
    job = dataclasses.replace(JOBS[options.command], arguments=(*JOBS[options.command].arguments, *more))
    if getattr(options, "force", False):
        job = dataclasses.replace(job, arguments=(*job.arguments, "--force"))
    given = Given(options.config, tuple(options.set))
    settings = load_settings(options.config, options.set)
    if find_official() is not None:  # this is the container
        _become(local_command(sys.executable, job, given))
    try:
        docker, _ = _find_gpu_docker()
    except Missing as missing:
        if options.command not in DO_WITHOUT:
            raise
        print(f"Without the container, on this machine as it is: {missing}", file=sys.stderr)
        _become(local_command(sys.executable, job, given))
    if is_stale(docker.image_labels(options.image)):
        print(
            f"note: the image {options.image} was built from other sources than this checkout's: renew it with "
            "`make image`.",
            file=sys.stderr,
        )
    if job.listens:
        _check_server(settings)
    settings.build_dir.mkdir(parents=True, exist_ok=True)  # by this user: Docker would make it for root
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    _become(docker_command(docker, options.image, job, given, settings, terminal=terminal))


def _find_gpu_docker() -> tuple[Docker, list[str]]:
    """The engine and its options for GPUs.

    Raises:
        Missing: There is no GPU, no engine, or no way from one to the other.
    """
    try:
        find_gpus()  # first: without a GPU nothing else needs to be installed
    except ServingError as error:
        raise Missing(str(error)) from None
    docker = find_docker()
    return docker, docker.gpu_options()


def _check_server(settings: Settings) -> None:
    """Looks at what the container itself can't see, and at what would take it seconds to say.

    Raises:
        ServingError: The current release isn't one for GPUs, or a port is taken.
        DeployError: Nobody has a key.
    """
    release = current_release(settings.build_dir.resolve() / "releases")
    if release.target != "gpu":
        raise ServingError(
            f"The current release {release.id} is for TARGET={release.target or 'cpu'}: make one with `make export "
            "TARGET=gpu`, or choose one with `python -m serving releases` and `python -m serving use ID`."
        )
    check_ports(settings.serving)
    keys = settings.build_dir / KEYS
    if settings.gateway.enabled and not keys.exists():
        raise DeployError(
            f"There are no keys in {keys}, and a container is reached over a network. Make one with "
            f"`python -m gateway keys add NAME --set gateway.keys_file={keys}`."
        )


def _check() -> int:
    findings = examine_image()
    for finding in findings:
        print(f"{finding.outcome:<7}  {finding.check:<8}  {finding.told}")
    return int(any(finding.outcome == "problem" for finding in findings))


def _become(command: Sequence[str]) -> NoReturn:
    """Gives this process to another program: signals go to it, and its exit status is this process's."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvp(command[0], list(command))


if __name__ == "__main__":
    sys.exit(main())
