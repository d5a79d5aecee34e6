"""What a client shows a server to be let in, and by which certificates it trusts the server."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .endpoint import Endpoint
from .errors import CredentialsError, TaggerError

TOKEN_VARIABLE = "TAGGER_TOKEN"
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_OWN = re.compile(r"content-.*|host|connection|transfer-encoding|te|inference-header-content-length|grpc-.*|.*-bin")
_SHORT = 8


@dataclass(frozen=True, slots=True)
class Access:
    """Sent with every request, and never shown.

    Attributes:
        headers: Names in lower case → values, the token's among them. Over gRPC they are metadata.
        ca: A file of certificates (PEM) that the server's is to be signed by; None: those the system trusts.
        secrets: What no message may hold.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: Path | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def without_secrets(self, error: TaggerError) -> TaggerError:
        """The error, whose message may quote the server, with each secret in it replaced."""
        message = str(error)
        for secret in self.secrets:
            message = message.replace(secret, "***")
        error.args = (message, *error.args[1:])
        return error

    def tls(self) -> ssl.SSLContext:
        """How certificates are checked over HTTPS."""
        return ssl.create_default_context(cafile=self.ca)

    def roots(self) -> bytes | None:
        """The same for gRPC."""
        return None if self.ca is None else self.ca.read_bytes()


def make_access(
    endpoint: Endpoint, headers: Mapping[str, str] | None, token: str | None, ca: str | os.PathLike[str] | None
) -> Access:
    """Checks what the caller gave.

    Args:
        endpoint: Where it is sent.
        headers: Further headers.
        token: A key of the server's; None: that of TAGGER_TOKEN, if it is set.
        ca: A file of certificates.

    Raises:
        CredentialsError: One of them cannot be used, or the token would cross a network unencrypted.
    """
    checked = _headers(headers or {})
    secrets = [value for value in checked.values() if len(value) >= _SHORT]
    secrets += [part for value in secrets for part in value.split() if len(part) >= _SHORT]
    source = "token"
    if token is None and "authorization" not in checked:
        token, source = os.environ.get(TOKEN_VARIABLE) or None, TOKEN_VARIABLE
    if token is not None:
        if not _TOKEN.fullmatch(token):
            raise CredentialsError(f"{source} is empty, or holds a space or a character that a token never has")
        if "authorization" in checked:
            raise CredentialsError("both a token and a header authorization are given; give one of them")
        if not (endpoint.secure or endpoint.is_loopback):
            scheme = f"{endpoint.protocol}s"
            raise CredentialsError(
                f"the token of {source} would go unencrypted to {endpoint}: use {scheme}://. Where the network itself "
                "encrypts, give it as the header authorization"
            )
        checked["authorization"] = f"Bearer {token}"
        secrets.append(token)
    return Access(checked, _certificates(endpoint, ca), tuple(sorted(set(secrets), key=len, reverse=True)))


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    checked = {}
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(lower):
            raise CredentialsError(f"{name[:80]!r} is no name of a header")
        if _OWN.fullmatch(lower):
            raise CredentialsError(f"the header {name} cannot be given: the client sets it itself")
        if not _VALUE.fullmatch(value):
            raise CredentialsError(f"the value of the header {name} is empty, or not printable ASCII")
        checked[lower] = value
    return checked


def _certificates(endpoint: Endpoint, ca: str | os.PathLike[str] | None) -> Path | None:
    if ca is None:
        return None
    path = Path(ca)
    if not endpoint.secure:
        raise CredentialsError(f"ca is given, but {endpoint} is not encrypted: use {endpoint.protocol}s://")
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise CredentialsError(f"{path} cannot be read as certificates in PEM form: {error}") from None
    return path
