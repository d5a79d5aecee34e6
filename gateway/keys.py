"""The keys that callers show: a file of their hashes, with names, limits and expiry.

A key is 256 random bits, so nobody can try them all, and SHA-256 hides it well. A slow hash guards passwords, which can
be guessed; here it would only cost every request its time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gateway.errors import GatewayError
from steps import locked, staged_file

PREFIX = "tagger_"
"""Lets a scanner for secrets, and a person, recognise a key."""
_NAME = re.compile(r"[\w.@-]{1,64}")


class Key(BaseModel):
    """One key, without itself.

    Attributes:
        name: Whose it is; the access log and the metrics show it.
        sha256: Of the key, in hexadecimal.
        created: When it was made.
        expires: From when on it is refused; None: never.
        requests_per_second: Most that it may send, with as many at once; None: no limit.
        concurrency: Most of its requests that may be in flight; None: no limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(pattern=rf"^{_NAME.pattern}$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created: datetime
    expires: datetime | None = None
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    concurrency: Annotated[int, Field(ge=1)] | None = None

    def is_expired(self, now: float) -> bool:
        """Whether it is refused at a time (seconds since 1970)."""
        return self.expires is not None and self.expires.timestamp() <= now


_KEYS = TypeAdapter(list[Key])


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def find(keys: Sequence[Key], shown: str) -> Key | None:
    """The key that a caller shows. Every one is compared in constant time: how long it takes tells nothing of them."""
    sought, found = digest(shown), None
    for key in keys:
        if hmac.compare_digest(key.sha256, sought):
            found = key
    return found


def read_keys(path: Path) -> list[Key]:
    """The keys of a file; none where there is no file.

    Raises:
        GatewayError: It can't be read, or holds something else.
    """
    try:
        return _KEYS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise GatewayError(f"The keys in {path} can't be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise GatewayError(f"{path} holds no list of keys: `{place}`: {first['msg']}. Mend it or remove it.") from None


def add_key(
    path: Path,
    name: str,
    *,
    days: float | None = None,
    requests_per_second: float | None = None,
    concurrency: int | None = None,
) -> str:
    """Makes a key and notes its hash in the file.

    Returns:
        The key, which is nowhere else.

    Raises:
        GatewayError: The name is taken, or is none; the file can't be read.
        DiskError: It can't be written.
    """
    if not _NAME.fullmatch(name):
        raise GatewayError(f"A key's name has 1 to 64 letters, digits and . _ @ -, which {name!r} has not.")
    created = datetime.now(timezone.utc).replace(microsecond=0)
    shown = PREFIX + secrets.token_urlsafe(32)
    with locked(path):
        keys = read_keys(path)
        if any(key.name == name for key in keys):
            raise GatewayError(f"There is a key named {name} already. Revoke it first, or choose another name.")
        try:
            key = Key(
                name=name,
                sha256=digest(shown),
                created=created,
                expires=None if days is None else created + timedelta(days=days),
                requests_per_second=requests_per_second,
                concurrency=concurrency,
            )
        except (ValidationError, OverflowError):
            raise GatewayError("A key's limits must be more than 0, and it must expire before the year 9999.") from None
        _write(path, [*keys, key])
    return shown


def revoke_key(path: Path, name: str) -> None:
    """Removes a key from the file; a running gateway refuses it a second later.

    Raises:
        GatewayError: There is none of the name.
        DiskError: The file can't be written.
    """
    with locked(path):
        keys = read_keys(path)
        rest = [key for key in keys if key.name != name]
        if len(rest) == len(keys):
            raise GatewayError(f"There is no key named {name} in {path}.")
        _write(path, rest)


def _write(path: Path, keys: list[Key]) -> None:
    with staged_file(path) as staging:
        told = json.dumps([key.model_dump(mode="json") for key in keys], indent=1, ensure_ascii=False)
        staging.write_text(told + "\n", encoding="utf-8")


def describe(keys: Sequence[Key]) -> list[str]:
    """One line a key, for a person."""
    lines = []
    for key in keys:
        limits = [
            "expired" if key.is_expired(time.time()) else f"expires {key.expires:%Y-%m-%d}" if key.expires else "",
            f"{key.requests_per_second:g} requests a second" if key.requests_per_second else "",
            f"{key.concurrency} at a time" if key.concurrency else "",
        ]
        told = ", ".join(filter(None, limits)) or "no limits"
        lines.append(f"{key.name:<24} made {key.created:%Y-%m-%d}  {told}")
    return lines
