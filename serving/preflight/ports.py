"""Whether the server's three ports are free, and who holds one that isn't."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from serving.errors import ServingError
from settings import ServingSettings


def check_ports(settings: ServingSettings) -> str:
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
    return f"{', '.join(str(port) for port in ports.values())} are free at {settings.address}"


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
