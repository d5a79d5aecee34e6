"""The certificate of HTTPS, read again when its files have changed."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from gateway.errors import GatewayError

logger = logging.getLogger(__name__)


class Certificate:
    """A certificate with its key, for TLS 1.2 and later.

    Args:
        certificate: The chain, in PEM.
        key: Its private key, in PEM.

    Attributes:
        context: For servers; new connections get what was loaded last.
        pem: The key and the chain that were loaded last.

    Raises:
        GatewayError: They can't be read, or don't belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._seen = self._look()
        self.context = _context()
        self._load(self.context)

    def refresh(self) -> None:
        """Loads the files again where they have changed; what is loaded stays where they can't be."""
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._load(_context())  # a key of another certificate would spoil the context that is in use
            self._load(self.context)
        except GatewayError as error:
            logger.error("The certificate that was loaded before goes on: %s", error)
        else:
            logger.info("The certificate in %s has been loaded again.", self._files[0])

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            certificate, key = (path.read_bytes() for path in self._files)
            context.load_cert_chain(*self._files, password=_no_password)
            self.pem = key, certificate
        except (OSError, ValueError) as error:
            names = " and ".join(map(str, self._files))
            raise GatewayError(
                f"The certificate and its key, {names}, can't be used: {error}. Set gateway.tls_certificate and "
                "gateway.tls_key to files in PEM that belong together, the key without a password."
            ) from None

    def _look(self) -> list[tuple[int, int, int]]:
        try:
            return [(one.st_mtime_ns, one.st_size, one.st_ino) for one in (path.stat() for path in self._files)]
        except OSError:
            return []


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_password() -> str:
    raise ValueError("the key has a password")
