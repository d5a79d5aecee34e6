"""The tags of a product: a list in any notation, or words between separators."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from product_tagger_files.errors import RowError
from product_tagger_files.lists import NotAList, looks_like_list, parse, words
from product_tagger_files.missing import is_missing_label
from product_tagger_files.notes import Note, Notes, shown
from product_tagger_files.scalars import is_nothing, to_text

_STRONG = "|;\n\r；｜"
_ALL = ",，、،" + _STRONG
_PAIR = re.compile(r"\s*[^\s:：][^:：]{0,60}[:：]\s*\S")
_HASHTAGS = re.compile(r"(?:#[^\s#,;|]+[\s,]*){2,}")


def _pieces(separators: str) -> re.Pattern[str]:
    """A piece in double quotes may hold separators; a quote elsewhere, as in 15" laptop, is a character."""
    marks = re.escape(separators)
    return re.compile(rf'(?:^|[{marks}])\s*(?:"((?:[^"]|"")*)"\s*(?=[{marks}]|$)|([^{marks}]*))')


_STRONG_PIECES, _ALL_PIECES = _pieces(_STRONG), _pieces(_ALL)


def read_tags(value: Any, notes: Notes) -> tuple[str, ...]:
    """Reads a product's tags, each once, in the row's order.

    Args:
        value: A list (of words, or of structs with a name), or a text: a JSON list, a Python list, a PostgreSQL array
            `{wood,"living room"}`, hashtags, or words between , ; | a line break, or their Chinese forms. `a / b` is
            split where nothing else separates.
        notes: Where tags that mean "none" are counted.

    Raises:
        RowError: The value is no list of words.
    """
    if value is None or value == "":
        return ()
    if is_nothing(value):
        notes.add(Note.MISSING, "tags", value)
        return ()
    if isinstance(value, bytes):
        value = to_text(value, "tags", notes)
    try:
        found = list(_split(value.strip()) if isinstance(value, str) else words(value))
        tags = [to_text(tag, "tags", notes).strip() for tag in found]
    except (NotAList, RowError):
        raise RowError("tags are not a list", f"tags is {shown(value)}, not a list of words") from None
    for tag in tags:
        if tag and is_missing_label(tag):
            notes.add(Note.MISSING, "tags", tag)
    return tuple(dict.fromkeys(tag for tag in tags if tag and not is_missing_label(tag)))


def _split(text: str) -> Iterator[Any]:
    if is_missing_label(text):
        yield text
    elif looks_like_list(text):
        yield from words(parse(text))
    elif _HASHTAGS.fullmatch(text):
        yield from (word.strip(", ") for word in text.split("#"))
    else:
        yield from _separated(text)


def _separated(text: str) -> Iterator[str]:
    if any(mark in text for mark in _STRONG):
        pieces = list(_quoted_or_bare(_STRONG_PIECES, text))
        # In `colour:red,blue|size:M` the comma belongs to the value.
        if all(_PAIR.match(piece) for piece in pieces if piece.strip()):
            yield from pieces
            return
    if " / " in text and not any(mark in text for mark in _ALL):
        yield from text.split(" / ")
        return
    yield from _quoted_or_bare(_ALL_PIECES, text)


def _quoted_or_bare(pieces: re.Pattern[str], text: str) -> Iterator[str]:
    for match in pieces.finditer(text):
        quoted, bare = match.groups()
        yield bare if quoted is None else quoted.replace('""', '"')
