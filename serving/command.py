"""The command line and environment of one tritonserver process."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from serving.triton import Triton
from settings import ServingSettings

ADMINISTRATION = "shared-memory,model-repository,logging,trace"
"""Endpoints that change the server: by those for shared memory, a stranger writes into the server's own regions."""


def server_command(
    triton: Triton,
    repository: Path,
    settings: ServingSettings,
    shm_prefix: str,
    *,
    key: str,
    gpu: bool = False,
    priorities: bool = False,
) -> list[str]:
    """The program and its arguments.

    Args:
        triton: The server.
        repository: What `render_repository` wrote.
        settings: Address, ports, time-outs.
        shm_prefix: Begins the names of the shared memory regions the server's processes talk through.
        key: What a caller of the administrative endpoints must know.
        gpu: Whether the release runs on a GPU, whose load and memory are then among the metrics.
        priorities: Whether Triton heeds the priorities of a model's instances; it takes them in turns otherwise.
    """
    address = numeric_address(settings.address)
    return [
        str(triton.executable),
        f"--model-repository={repository}",
        # The release is fixed for the life of the process: no loading or unloading, by nobody.
        "--model-control-mode=none",
        "--disable-auto-complete-config",
        "--exit-on-error=true",
        "--strict-readiness=true",
        f"--exit-timeout-secs={max(1, settings.stop_timeout_s - 5)}",
        f"--backend-directory={triton.backends}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
        f"--cache-directory={triton.caches}",
        *_cache(settings),
        "--allow-http=true",
        f"--http-address={address}",
        f"--http-port={settings.http_port}",
        "--allow-grpc=true",
        f"--grpc-address={address}",
        f"--grpc-port={settings.grpc_port}",
        "--allow-metrics=true",
        f"--metrics-address={address}",
        f"--metrics-port={settings.metrics_port}",
        *([] if gpu else ["--allow-gpu-metrics=false"]),
        *(["--rate-limit=execution_count"] if priorities else []),
        "--log-verbose=0",
        f"--http-restricted-api={ADMINISTRATION}:product-tagger-key={key}",
        f"--grpc-restricted-protocol={ADMINISTRATION}:product-tagger-key={key}",
    ]


def numeric_address(address: str) -> str:
    """The IPv4 address of a name such as localhost, which Triton does not take; a name without one stays as it is."""
    try:
        return socket.gethostbyname(address)
    except OSError:
        return address


def own_command(module: str, *arguments: str) -> list[str]:
    """A command line that runs one of the project's modules."""
    return [sys.executable, "-m", module, *arguments]


def own_environment() -> dict[str, str]:
    """This process's environment, in which another one imports this very project, from whatever folder it starts."""
    here = str(Path(__file__).resolve().parents[1])
    rest = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{here}:{rest}" if rest else here}


def _cache(settings: ServingSettings) -> list[str]:
    mebibytes = settings.response_cache_mib
    return [f"--cache-config=local,size={mebibytes << 20}"] if mebibytes else []


def server_environment(triton: Triton) -> dict[str, str]:
    """This process's environment, changed so that the server finds its libraries and its models this Python."""
    environment = dict(os.environ)
    _put_first(environment, "LD_LIBRARY_PATH", *map(str, triton.libraries))
    _put_first(environment, "PATH", str(Path(sys.executable).parent))
    environment["VIRTUAL_ENV"] = sys.prefix
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a release's folder stays as it was exported
    environment.pop("PYTHONHOME", None)
    environment.pop("PYTHONPATH", None)
    return environment


def _put_first(environment: dict[str, str], name: str, *folders: str) -> None:
    parts = [*folders, *filter(None, [environment.get(name)])]
    if parts:
        environment[name] = ":".join(parts)
