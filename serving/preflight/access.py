"""Whether only those are served that should be."""

from __future__ import annotations

import ipaddress

from serving.command import numeric_address
from serving.errors import ServingError
from settings import Settings


def check_access(settings: Settings) -> str:
    """Checks that other machines are served with keys only; without a gateway that is the operator's affair.

    Raises:
        ServingError: There are no keys.
    """
    address = settings.serving.address
    if not settings.gateway.enabled:
        return "Triton itself serves whoever reaches its ports"
    if settings.gateway.keys_file.exists():
        return f"callers need a key of {settings.gateway.keys_file}"
    if not _is_loopback(address):
        raise ServingError(
            f"serving.address is {address}, which other machines reach, and there are no keys. Make one with "
            "`python -m gateway keys add NAME`, or set serving.address to 127.0.0.1."
        )
    return "callers of this machine are served without keys"


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(numeric_address(address)).is_loopback
    except ValueError:
        return False
