"""What is noted of each request, for the access log and the metrics; never its texts."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.types import Scope

_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_SCOPE_KEY = "product_tagger.record"


@dataclass
class Record:
    """One request.

    Attributes:
        id: The caller's own, or one made here.
        key: Name of its key; empty without one.
        route: Which of the few that there are; the caller's path where there is none.
        texts: How many it brought.
        status: Of HTTP; 499 where the caller left before the answer.
    """

    id: str
    key: str = ""
    route: str = ""
    texts: int = 0
    status: int = 499


def request_id(given: str) -> str:
    """What a caller gave as the id of a request, or a new one where that is none."""
    return given if _ID.fullmatch(given) else secrets.token_hex(8)


def record_of(scope: Scope) -> Record:
    """The record of a request, begun where there is none yet."""
    record = scope.get(_SCOPE_KEY)
    if not isinstance(record, Record):
        record = scope[_SCOPE_KEY] = Record(request_id(_header(scope["headers"], b"x-request-id")))
    return record


def _header(headers: Iterable[tuple[bytes, bytes]], sought: bytes) -> str:
    return next((value.decode("latin-1") for name, value in headers if name == sought), "")
