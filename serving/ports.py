"""Ports of this machine for a Triton that only the gateway asks."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from serving.errors import ServingError

LOWEST = 20_000
LOOPBACK = "127.0.0.1"


def private_ports(count: int) -> list[int]:
    """Free loopback ports, all different.

    They lie below those that the kernel gives to outgoing connections. Triton takes seconds to listen, and on a busy
    machine such a connection would have taken its port meanwhile.

    Raises:
        ServingError: There are not so many.
    """
    highest = _first_ephemeral() - 1
    candidates = list(range(min(LOWEST, max(1024, highest - 2000)), highest))
    random.shuffle(candidates)
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            break
        if _is_free(port):
            found.append(port)
    if len(found) < count:
        raise ServingError(f"There are no {count} free ports at {LOOPBACK} below {highest + 1}.")
    return found


def _first_ephemeral() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        return 32_768


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
