"""Who may ask, and how much: keys with their limits, or callers of this machine where there are no keys."""

from __future__ import annotations

import functools
import ipaddress
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from gateway.errors import GatewayError, Problem
from gateway.keys import Key, find, read_keys

logger = logging.getLogger(__name__)
LOOKED_AT_S = 1.0
"""How often the file of the keys is looked at."""


class Meter:
    """What one key has used of its limits: a bucket of tokens that fills with time, and requests in flight.

    Args:
        clock: Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = math.inf
        self._filled_s = clock()
        self.in_flight = 0

    @contextmanager
    def request(self, key: Key) -> Iterator[None]:
        """Counts one request while the block runs.

        Raises:
            Problem: It is one too many (429).
        """
        if key.concurrency is not None and self.in_flight >= key.concurrency:
            told = f"The key {key.name} may have {key.concurrency} requests in flight. Wait for their answers."
            raise Problem(429, told, 1.0)
        if key.requests_per_second is not None:
            self._take(key, key.requests_per_second)
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def _take(self, key: Key, rate: float) -> None:
        now = self._clock()
        self._tokens = min(max(1.0, rate), self._tokens + (now - self._filled_s) * rate)
        self._filled_s = now
        if self._tokens < 1:
            told = f"The key {key.name} may send {rate:g} requests a second. Ask again later."
            raise Problem(429, told, (1 - self._tokens) / rate)
        self._tokens -= 1


class KeyRing:
    """The keys as they are in the file now.

    Args:
        path: The file; read again when it has changed.

    Raises:
        GatewayError: It can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()
        self._keys = read_keys(path)
        self._meters: dict[str, Meter] = {}
        self._looked_s = time.monotonic()

    def is_needed(self) -> bool:
        """Whether callers must show a key: from when on there is a file. Revoking the last key opens nothing."""
        self._refresh()
        return self._seen is not None

    def key_of(self, authorization: str | None) -> Key:
        """The key that the header Authorization shows.

        Raises:
            Problem: It shows none that is valid (401).
        """
        self._refresh()
        kind, _, shown = (authorization or "").strip().partition(" ")
        if kind.lower() != "bearer" or not shown.strip():
            raise _unauthorized("Show a key: `Authorization: Bearer tagger_…`. Whoever runs the server gives you one.")
        key = find(self._keys, shown.strip())
        if key is None:
            raise _unauthorized("The key is not one that this server knows.", "invalid_token")
        if key.is_expired(time.time()):
            raise _unauthorized(f"The key {key.name} has expired.", "invalid_token")
        return key

    @contextmanager
    def admitted(self, authorization: str | None) -> Iterator[Key]:
        """Counts one request of a key while the block runs.

        Raises:
            Problem: 401, 429.
        """
        key = self.key_of(authorization)
        with self._meters.setdefault(key.name, Meter()).request(key):
            yield key

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked_s < LOOKED_AT_S:
            return
        self._looked_s = now
        seen = self._look()
        if seen == self._seen:
            return
        if seen is None:
            logger.error("The keys in %s are gone: all requests that need one are refused.", self._path)
        try:
            self._keys = read_keys(self._path)
        except GatewayError as error:
            logger.error("The keys that were read before go on: %s", error)
        self._seen = seen or self._seen


def require_local(client: str | None, host: str, origin: str | None, fetch_site: str) -> None:
    """Refuses other machines, and what a web page of another site sends through a browser on this one.

    Such a page is told by headers that it can neither set nor leave out. A browser sends Origin with every POST, also
    that of a form, and Sec-Fetch-Site to addresses of this machine. A site whose name leads to this machine (DNS
    rebinding) shows in Host. Content-Type tells nothing: a form may have the one that curl sends.

    Args:
        client: The caller's address.
        host: The header Host.
        origin: The header Origin; None where there is none.
        fetch_site: The header Sec-Fetch-Site; empty where there is none.

    Raises:
        Problem: 403.
    """
    if client is None or not is_loopback(client):
        raise Problem(403, "Without keys only callers on the gateway's own machine are served.")
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        raise Problem(403, "Call the gateway as 127.0.0.1 or localhost; the header Host has another name.")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        raise Problem(403, "Web pages of other sites are not served.")
    if fetch_site not in ("", "none", "same-origin"):
        raise Problem(403, "Web pages of other sites are not served.")


def require_keys(address: str, keys: KeyRing) -> None:
    """Refuses to serve other machines without keys.

    Raises:
        GatewayError: The address is not this machine's own, and there is no file of keys.
    """
    if not (is_loopback(address) or keys.is_needed()):
        raise GatewayError(
            f"serving.address is {address}, which other machines reach, and there are no keys. "
            "Make one with `python -m gateway keys add NAME`, or set serving.address to 127.0.0.1."
        )


@functools.lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own for itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unauthorized(detail: str, error: str = "") -> Problem:
    told = 'Bearer realm="product tagger"' + (f', error="{error}"' if error else "")
    return Problem(401, detail, headers={"www-authenticate": told})
