"""Lists as they stand in a cell: JSON, Python, PostgreSQL, or lists and structs as Parquet has them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_MAX_DEPTH = 8
_MAX_LITERAL = 100_000
_NAME_KEYS = ("name", "title", "label", "value", "tag", "term", "text", "slug", "id")
# A quoted item (its quotes and backslashes escaped by a backslash) or a bare one.
_ITEM = re.compile(
    r"""\s*(?:"((?:\\.|[^"\\])*)"(?=\s*(?:[,"]|$))|'((?:\\.|[^'\\])*)'(?=\s*(?:[,']|$))|([^,]+))\s*""", re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BRACKETS = {"[": "]", "{": "}", "(": ")"}


class NotAList(Exception):
    """A value that is no list of words."""


def looks_like_list(text: str) -> bool:
    """Whether a stripped text stands in the brackets of a list or array."""
    return len(text) >= 2 and text[0] in "[{" and text[-1] == _BRACKETS[text[0]]


def parse(text: str) -> Any:
    """Reads a text in brackets: JSON; Python's notation; or items between commas, as `{a,"b c"}` and `[a, b]`."""
    if _depth(text) > _MAX_DEPTH:
        raise NotAList
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    # Python's own, where brackets or objects stand within; a flat list is read below, where `nan` is a word too.
    if any(mark in text[1:-1] for mark in "[{(:") and len(text) <= _MAX_LITERAL:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            pass
    return list(_items(text[1:-1]))


def words(value: Any, depth: int = 0) -> Iterator[Any]:
    """The items of a list, one after the other: lists within are opened, and a struct gives its name.

    Yields:
        Texts, numbers and None, as they are.

    Raises:
        NotAList: A struct without a name, or lists nested too deep.
    """
    if depth > _MAX_DEPTH:
        raise NotAList
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from words(item, depth + 1)
    elif isinstance(value, Mapping):
        if value:
            yield _name(value)
    elif isinstance(value, bool):
        raise NotAList
    else:
        yield value


def _name(struct: Mapping[Any, Any]) -> Any:
    lower = {str(key).casefold(): item for key, item in struct.items()}
    for key in _NAME_KEYS:
        if key in lower and not isinstance(lower[key], (Mapping, list, tuple)):
            return lower[key]
    if len(lower) == 1 and isinstance(only := next(iter(lower.values())), str):
        return only
    raise NotAList


def _items(text: str) -> Iterator[str | None]:
    for match in _ITEM.finditer(text):
        double, single, bare = match.groups()
        if bare is None:
            yield _ESCAPE.sub(r"\1", double if double is not None else single)
        elif item := bare.strip(" \t\r\n{}[]()"):
            yield None if item == "NULL" else item


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in text:
        if char in "[{(":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]})":
            depth -= 1
    return deepest
