"""The text of one value, whatever type JSON, Parquet or a spreadsheet gave it."""

from __future__ import annotations

import datetime
import decimal
import math
import re
import uuid
from typing import Any

from product_tagger_files.errors import RowError
from product_tagger_files.notes import Note, Notes, shown

_NOT_CHARACTERS = re.compile("[\0\ud800-\udfff]")
_LARGEST_EXPONENT = 40
_UUID_BYTES = 16


def is_nothing(value: Any) -> bool:
    """Whether a value is None or not a number, as pandas and Arrow have for a missing cell."""
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return isinstance(value, decimal.Decimal) and value.is_nan()


def to_text(value: Any, field: str, notes: Notes) -> str:
    """Returns a value's text; empty for a missing one.

    A whole number has no decimals, `1.0` reads `1`. Bytes are UTF-8; an id of other bytes is written as a UUID or in
    hexadecimal. NUL and half characters, which no later stage can take, are removed.

    Raises:
        RowError: A list, an object, a truth value, or bytes that are not UTF-8.
    """
    if isinstance(value, str):
        return clean(value, field, notes)
    if value is None:
        return ""
    if is_nothing(value):
        notes.add(Note.MISSING, field, value)
        return ""
    if isinstance(value, bytes):
        return clean(_decoded(value, field), field, notes)
    text = _number(value)
    if text is None and isinstance(value, (datetime.date, datetime.time)):
        text = value.isoformat()
    if text is None and isinstance(value, (uuid.UUID, datetime.timedelta)):
        text = str(value)
    if text is None:
        raise RowError(f"{field} is not a text", f"{field} is {shown(value)}, not a text")
    return text


def clean(text: str, field: str, notes: Notes) -> str:
    """Returns the text without NUL and half characters."""
    if "\0" not in text and (text.isascii() or _NOT_CHARACTERS.search(text) is None):
        return text
    notes.add(Note.HALF_CHARACTERS, field, text)
    return _NOT_CHARACTERS.sub("", text)


def _number(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**1000 else None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else str(value)
    if isinstance(value, decimal.Decimal) and value.is_finite() and abs(value.adjusted()) <= _LARGEST_EXPONENT:
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return None


def _decoded(value: bytes, field: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        if field == "id":
            return str(uuid.UUID(bytes=value)) if len(value) == _UUID_BYTES else value.hex()
        detail = f"{field} has bytes that are not UTF-8: write the column as UTF-8 strings"
        raise RowError("undecodable bytes", detail) from None
