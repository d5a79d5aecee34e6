"""The command line that runs one of the project's commands in its container."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path

from deploy.docker import Docker
from deploy.image import NAME_VARIABLE
from settings import Settings
from settings.loader import DEFAULT_FILE

WORKSPACE = "/workspace"
"""The image's working directory; its user may write there."""
KEYS = "keys.json"
"""The callers' keys, in the build directory: a container is reached over a network, where the gateway asks for one."""
SHARED_MEMORY = "1g"
"""Room in the container's /dev/shm, through which the server's Python processes talk; only what is used is taken."""
STOP_GRACE_S = 15
"""What the supervising process takes beyond serving.stop_timeout_s to end in order."""


@dataclass(frozen=True)
class Job:
    """What is run: `python -m MODULE ARGUMENTS`.

    Attributes:
        module: The module of the project.
        arguments: Its arguments, beside those for the settings.
        listens: Whether it is the server: its ports are published then.
    """

    module: str
    arguments: tuple[str, ...] = ()
    listens: bool = False


@dataclass(frozen=True)
class Given:
    """How the settings were given on the command line, to be given on.

    Attributes:
        config: `--config`; None where it wasn't given.
        overrides: All of `--set`.
    """

    config: Path | None
    overrides: tuple[str, ...]

    def options(self) -> list[str]:
        """The options again."""
        config = [] if self.config is None else ["--config", str(self.config)]
        return config + [word for override in self.overrides for word in ("--set", override)]


def local_command(python: str, job: Job, given: Given) -> list[str]:
    """The same without a container, by a Python of this machine."""
    return [python, "-m", job.module, *job.arguments, *given.options()]


def docker_command(
    docker: Docker, image: str, job: Job, given: Given, settings: Settings, *, terminal: bool = False
) -> list[str]:
    """The `docker run` of a job.

    The build directory and the configuration are mounted, and nothing else: no stage after the training reads what
    other settings name. What is written belongs to this user.

    Args:
        docker: The engine; it can give the container GPUs.
        image: The project's image.
        job: What to run.
        given: The settings' options.
        settings: The same, read: where the build directory is, and on which ports the server listens.
        terminal: Whether a person sits at a terminal, both to read and to press Ctrl-C.

    Raises:
        Missing: The engine has no access to GPUs.
    """
    config = given.config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    inside = Given(
        Path(WORKSPACE) / DEFAULT_FILE if config else None,
        (
            *given.overrides,
            f"build_dir={WORKSPACE}/build",
            *([f"gateway.keys_file={WORKSPACE}/build/{KEYS}", "serving.address=0.0.0.0"] if job.listens else []),
        ),
    )
    return [
        docker.program,
        "run",
        "--rm",
        # A first process that passes signals on and clears up after ended children.
        "--init",
        *(["--interactive", "--tty"] if terminal else []),
        *docker.gpu_options(),
        *("--shm-size", SHARED_MEMORY),
        *("--user", f"{os.getuid()}:{os.getgid()}"),
        *("--env", f"{NAME_VARIABLE}={image}"),
        *("--mount", _mount(settings.build_dir.resolve(), f"{WORKSPACE}/build")),
        *(["--mount", _mount(config.resolve(), f"{WORKSPACE}/{DEFAULT_FILE}", "readonly")] if config else []),
        *(_server_options(settings) if job.listens else ["--no-healthcheck"]),
        image,
        *local_command("python", job, inside),
    ]


def _server_options(settings: Settings) -> list[str]:
    serving = settings.serving
    ports = (serving.http_port, serving.grpc_port, serving.metrics_port)
    return [
        *("--stop-timeout", str(serving.stop_timeout_s + STOP_GRACE_S)),
        *("--env", f"PRODUCT_TAGGER_HTTP_PORT={serving.http_port}"),
        # In the container the server listens at all addresses; here only at that of the settings.
        *(word for port in ports for word in ("--publish", f"{serving.address}:{port}:{port}")),
    ]


def _mount(source: Path, target: str, *more: str) -> str:
    """One value of --mount: fields separated by commas, in quotes where a path has a comma itself."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["type=bind", f"source={source}", f"target={target}", *more])
    return line.getvalue()
