"""Views, clicks and purchases, however they are written."""

from __future__ import annotations

import decimal
import math
import re
import unicodedata
from typing import Any

from product_tagger_files.missing import is_missing_label
from product_tagger_files.notes import Note, Notes
from product_tagger_files.scalars import is_nothing

_LARGEST = 1e15  # nothing was ever shown more often
_MAX_CHARACTERS = 40
_PLAIN = re.compile(r"\d+(?:\.\d*)?(?:[eE]\+?\d{1,2})?|\.\d+")
_WRITTEN = re.compile(r"[~≈>≥约]?\s*(\d[\d\s.,'’_]*?)\s*([a-z]+\.?|[百千仟万萬亿億]+)?\s*[次件人笔单条]?\s*\+?")
_GROUPS_OF_THREE = re.compile(r"\d{1,3}(?:[ '’_]\d{3})+(?=[.,]\d+$|$)")
_COMMA_GROUPS = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}")  # India groups by two: 1,20,000
_DOT_GROUPS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")
_MULTIPLES = {
    "k": 1e3, "tsd": 1e3, "m": 1e6, "mn": 1e6, "mio": 1e6, "mil": 1e6, "b": 1e9, "bn": 1e9, "lac": 1e5, "lakh": 1e5,
    "lakhs": 1e5, "cr": 1e7, "crore": 1e7, "w": 1e4, "百": 1e2, "千": 1e3, "仟": 1e3, "万": 1e4, "萬": 1e4,
    "百万": 1e6, "千万": 1e7, "亿": 1e8, "億": 1e8, "views": 1.0, "clicks": 1.0, "sold": 1.0,
}  # fmt: skip


def read_count(value: Any, field: str, notes: Notes) -> float | None:
    """Reads how often something happened.

    `1200`, `1,200`, `1.200,5`, `1 200`, `1.2k`, `1万+` and their like are read. A lone dot or comma is a decimal
    point, unless three digits follow: counts are whole, and Germans write `1.200`. What is no count is noted and
    taken as missing: a product is not lost for it.

    Returns:
        The count, 0 or more; None where it is missing.
    """
    if value is None or value == "":
        return None
    if is_nothing(value):
        notes.add(Note.MISSING, field, value)
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if is_missing_label(text):
            notes.add(Note.MISSING, field, text)
            return None
        number = _from_text(text)
    else:
        number = _from_number(value)
    if number is None or not 0 <= number <= _LARGEST:
        notes.add(Note.NO_COUNT, field, value)
        return None
    return number


def _from_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, decimal.Decimal)):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):  # an integer beyond every float
        return None
    return number if math.isfinite(number) else None


def _from_text(text: str) -> float | None:
    if len(text) > _MAX_CHARACTERS:
        return None
    if _PLAIN.fullmatch(text) and text.isascii() and not _DOT_GROUPS.fullmatch(text):
        return float(text)
    written = _WRITTEN.fullmatch(unicodedata.normalize("NFKC", text).lower())
    if written is None:
        return None
    digits, word = written[1], (written[2] or "").rstrip(".")
    # In 1.200k the dot is a decimal point.
    number = float(digits) if word and digits.isascii() and _PLAIN.fullmatch(digits) else _from_digits(digits)
    multiple = _MULTIPLES.get(word) if word else 1.0
    return None if number is None or multiple is None else number * multiple


def _from_digits(text: str) -> float | None:
    text = " ".join(text.split())
    if groups := _GROUPS_OF_THREE.match(text):
        text = re.sub(r"[ '’_]", "", groups[0]) + text[groups.end() :]
    if "," in text and "." in text:
        decimal_mark = max(",.", key=text.rfind)
        whole, _, fraction = text.rpartition(decimal_mark)
        grouped = _COMMA_GROUPS if decimal_mark == "." else _DOT_GROUPS
        if not grouped.fullmatch(whole):
            return None
        text = whole.replace(",", "").replace(".", "") + "." + fraction
    elif _COMMA_GROUPS.fullmatch(text):
        text = text.replace(",", "")
    elif _DOT_GROUPS.fullmatch(text):
        text = text.replace(".", "")
    elif text.count(",") == 1:
        text = text.replace(",", ".")
    return float(text) if _PLAIN.fullmatch(text) and text.isascii() else None
