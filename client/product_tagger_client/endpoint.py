"""The address of a server, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import InvalidUrlError

DEFAULT_URL = "grpc://127.0.0.1:8001"
_PORTS = {"grpc": 8001, "grpcs": 8001, "http": 8000, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        protocol: `grpc` or `http`.
        secure: Whether the connection is encrypted (grpcs://, https://).
        address: `host:port`, and for HTTP the path in front of `/v2`, when there is one.
    """

    protocol: str
    secure: bool
    address: str

    def __str__(self) -> str:
        """The address as it is written in messages."""
        return f"{self.protocol}{'s' if self.secure else ''}://{self.address}"


def parse_url(url: str) -> Endpoint:
    """Reads `grpc://host:port`, `grpcs://`, `http://` or `https://`; without a port the scheme's usual one is meant.

    Raises:
        InvalidUrlError: Another scheme, no host, a port that isn't one, or a path, user or query where none may be.
    """
    examples = "write for instance grpc://127.0.0.1:8001 or http://127.0.0.1:8000"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidUrlError(f"the server address {url!r} cannot be read ({error}); {examples}") from None
    if parts.scheme not in _PORTS:
        raise InvalidUrlError(f"the server address {url!r} does not start with grpc, grpcs, http or https; {examples}")
    if not parts.hostname:
        raise InvalidUrlError(f"the server address {url!r} names no host; {examples}")
    protocol = parts.scheme.removesuffix("s")
    path = parts.path.rstrip("/")
    if parts.query or parts.fragment or parts.username is not None or (path and protocol == "grpc"):
        raise InvalidUrlError(f"the server address {url!r} holds more than scheme, host and port; {examples}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Endpoint(protocol, parts.scheme.endswith("s"), f"{host}:{port or _PORTS[parts.scheme]}{path}")
