"""The address of a server, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import InvalidUrlError

DEFAULT_URL = "grpc://127.0.0.1:8001"
URL_VARIABLE = "TAGGER_URL"
_PORTS = {"grpc": 8001, "grpcs": 8001, "http": 8000, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens.

    Attributes:
        protocol: `grpc` or `http`.
        secure: Whether the connection is encrypted (grpcs://, https://).
        host: A name, or an address; one of IPv6 without brackets.
        port: The TCP port.
        path: For HTTP what stands in front of `/v2`, such as `/tagger`; else empty.
    """

    protocol: str
    secure: bool
    host: str
    port: int
    path: str = ""

    @property
    def address(self) -> str:
        """`host:port`, and for HTTP the path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there does not leave this machine."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

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
    return Endpoint(protocol, parts.scheme.endswith("s"), parts.hostname, port or _PORTS[parts.scheme], path)
