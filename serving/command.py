"""The command line and environment of one tritonserver process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from serving.bundle import Bundle, stub_libraries
from settings import ServingSettings


def server_command(
    bundle: Bundle, backends: Path, repository: Path, settings: ServingSettings, shm_prefix: str
) -> list[str]:
    """The program and its arguments.

    Args:
        bundle: The installed server.
        backends: What `prepare_backends` gave.
        repository: What `render_repository` wrote.
        settings: Address, ports, time-outs.
        shm_prefix: Begins the names of the shared memory regions the server's processes talk through.
    """
    return [
        str(bundle.executable),
        f"--model-repository={repository}",
        # The release is fixed for the life of the process: no loading or unloading, by nobody.
        "--model-control-mode=none",
        "--disable-auto-complete-config",
        "--exit-on-error=true",
        "--strict-readiness=true",
        f"--exit-timeout-secs={max(1, settings.stop_timeout_s - 5)}",
        f"--backend-directory={backends}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
        f"--cache-directory={bundle.caches}",
        "--allow-http=true",
        f"--http-address={settings.address}",
        f"--http-port={settings.http_port}",
        "--allow-grpc=true",
        f"--grpc-address={settings.address}",
        f"--grpc-port={settings.grpc_port}",
        "--allow-metrics=true",
        f"--metrics-address={settings.address}",
        f"--metrics-port={settings.metrics_port}",
        "--allow-gpu-metrics=false",
        # Nobody but the server itself changes how it logs or traces.
        f"--log-verbose={int(settings.verbose)}",
    ]


def server_environment(bundle: Bundle, backends: Path) -> dict[str, str]:
    """This process's environment, changed so that the server finds its libraries and its models this Python."""
    environment = dict(os.environ)
    environment["LD_LIBRARY_PATH"] = _joined(
        f"{bundle.libraries}:{stub_libraries(backends)}", environment.get("LD_LIBRARY_PATH")
    )
    environment["PATH"] = _joined(str(Path(sys.executable).parent), environment.get("PATH"))
    environment["VIRTUAL_ENV"] = sys.prefix
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a release's folder stays as it was exported
    environment.pop("PYTHONHOME", None)
    environment.pop("PYTHONPATH", None)
    return environment


def _joined(first: str, rest: str | None) -> str:
    return f"{first}:{rest}" if rest else first
