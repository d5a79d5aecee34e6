"""What has to be in order before Triton is started; each finding is one sentence with its mend."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from serving.bundle import Bundle, library_name, own_library, supported_pythons
from serving.errors import ServingError
from serving.releases import Release
from serving.repository import Processes
from settings import ServingSettings

MIN_GLIBC = (2, 35)
SHARED_MEMORY = Path("/dev/shm")
MEBIBYTE = 1 << 20
SHM_BASE = 16 * MEBIBYTE
SHM_PER_PROCESS = 4 * MEBIBYTE
"""A Python process begins with 1 MiB and grows to what its largest batch needs: 64 texts of 64 KiB are 4 MiB."""


def check_machine(bundle: Bundle) -> None:
    """Checks what only another machine or another Python mends.

    Raises:
        ServingError: No Linux x86-64, glibc too old, Python without a stub, numpy 2.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise ServingError(
            f"The bundled Triton server runs on Linux x86-64; this is {platform.system()} {platform.machine()}. "
            "Serve in a container or on another machine."
        )
    check_glibc(os.confstr("CS_GNU_LIBC_VERSION") or "")
    python = (sys.version_info.major, sys.version_info.minor)
    if not bundle.stub(python).exists():
        raise ServingError(
            f"The bundled Triton server can't run models with this Python {python[0]}.{python[1]}; it can with "
            f"{', '.join(supported_pythons(bundle))}. Set the project up with one of 3.10, 3.11 and 3.12: "
            "`make setup PYTHON=python3.11`."
        )
    check_python_library()
    version = importlib.metadata.version("numpy")
    if int(version.partition(".")[0]) >= 2:
        raise ServingError(
            f"numpy {version} is installed; the server's models break on it at the first text. "
            "Install the pinned version: `make setup`."
        )


def check_python_library() -> None:
    """Checks that the shared library of this Python is there: many systems have a Python without it.

    Raises:
        ServingError: It is missing.
    """
    name = library_name()
    if own_library() is not None:
        return
    # Asked in a process of its own: a second Python inside this one is nothing to play with.
    program = f"import ctypes; ctypes.CDLL({name!r})"
    if subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL, check=False).returncode:
        package = name.removesuffix(".so.1.0")
        raise ServingError(
            f"The bundled Triton server runs models with Python's shared library {name}, and this system has none. "
            f"Install it, on Debian and Ubuntu with `apt-get install {package}`."
        )


def check_glibc(version: str) -> None:
    """Checks the C library, given as `glibc 2.36`.

    Raises:
        ServingError: It is another one, or older than 2.35.
    """
    name, _, number = version.partition(" ")
    parts = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
    if name != "glibc" or parts < MIN_GLIBC:
        raise ServingError(
            f"The bundled Triton server needs glibc 2.35 or newer; this system has {version or 'another C library'}. "
            "Use Ubuntu 22.04, Debian 12 or newer, or serve in a container."
        )


def check_release(release: Release) -> None:
    """Checks that the bundled server can run the release's engine.

    Raises:
        ServingError: It was made for GPUs.
    """
    if release.target not in ("", "cpu"):
        raise ServingError(
            f"The release {release.id} was exported with TARGET={release.target}, which the bundled server can't run. "
            "Serve it in the container, or run `make export TARGET=cpu`."
        )


def check_ports(settings: ServingSettings) -> None:
    """Checks that the three ports differ and are free at the address.

    Raises:
        ServingError: naming the port and its setting.
    """
    ports = {name: int(getattr(settings, name)) for name in ("http_port", "grpc_port", "metrics_port")}
    for name, port in ports.items():
        twin = next((other for other, number in ports.items() if number == port and other != name), None)
        if twin:
            raise ServingError(f"serving.{name} and serving.{twin} are both {port}: give each a port of its own.")
    for name, port in ports.items():
        problem = _bind_problem(settings.address, port)
        if problem is None:
            continue
        if problem == errno.EADDRINUSE:
            raise ServingError(
                f"Port {port} (serving.{name}) is in use{_holder(port)}. Stop what listens there (a server of this "
                f"project: `python -m serving stop`), or choose another: `--set serving.{name}=PORT`."
            )
        if problem == errno.EACCES:
            raise ServingError(
                f"Port {port} (serving.{name}) is reserved for the system administrator. "
                f"Choose one above 1023: `--set serving.{name}=PORT`."
            )
        raise ServingError(
            f"Nothing can listen at {settings.address} port {port} ({os.strerror(problem)}). Set serving.address to an "
            "IPv4 address of this machine: 127.0.0.1 for this machine only, 0.0.0.0 for all its networks."
        )


def _bind_problem(address: str, port: int) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Triton does: a port whose last connections are still winding down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except socket.gaierror:
            return errno.EADDRNOTAVAIL
        except OSError as error:
            return error.errno or errno.EADDRNOTAVAIL
    return None


def _holder(port: int) -> str:
    """` by NAME (process N)`, where this user may see it; else nothing."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
        except OSError:
            continue
        inodes |= {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    for pid, link in _open_files():
        if link.startswith("socket:[") and link[8:-1] in inodes:
            name = Path(f"/proc/{pid}/comm").read_text().strip()
            return f" by {name} (process {pid})"
    return ""


def _open_files() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            for file in folder.iterdir():
                yield int(folder.parent.name), os.readlink(file)
        except OSError:
            continue  # another user's, or just ended


def check_shared_memory(processes: Processes, folder: Path = SHARED_MEMORY) -> None:
    """Checks that there is room for what the server's processes pass to each other.

    Raises:
        ServingError: Too little is free.
    """
    needed = SHM_BASE + SHM_PER_PROCESS * processes.total
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        raise ServingError(
            f"{folder} is missing, and the server's processes talk through it. Mount a tmpfs there."
        ) from None
    if free < needed:
        raise ServingError(
            f"{folder} has {free / MEBIBYTE:.0f} MiB free; {processes.total} Python processes need "
            f"{needed / MEBIBYTE:.0f} MiB. Free some, give a container more (`--shm-size=256m`), or lower "
            "serving.instances."
        )
