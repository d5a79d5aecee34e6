"""One row of a catalogue as the client needs it: its id and the text to send."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIELDS = ("id", "title", "description", "attributes")
_PAIR_SEPARATOR = re.compile(r"[;|\n；]")
_PAIR_MARK = re.compile(r"[:=：]")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class RowProblem(Exception):
    """A row cannot be sent; the message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the input.

    Attributes:
        line: Line number from 1, of a CSV row of several lines its first; in Parquet the row number from 1.
        id: The row's own, or `FILE:LINE` where it has none.
        text: What is sent; empty when there is a problem.
        problem: Why the row cannot be sent; None when it can.
    """

    line: int
    id: str
    text: str
    problem: str | None = None


def make_row(line: int, default_id: str, cells: Mapping[str, Any]) -> Row:
    """Reads the cells of one row, in whatever notation JSON, CSV or Parquet has them."""
    name = default_id
    try:
        name = _text(cells, "id").strip() or default_id
        if _HALF_CHARACTER.search(name):
            name = default_id
            raise RowProblem("the id has half a character in it")
        title, description = _text(cells, "title"), _text(cells, "description")
        if not title.strip() and not description.strip():
            raise RowProblem("neither title nor description has any text")
        return Row(line, name, raw_text(title, description, _attributes(cells.get("attributes"))))
    except RowProblem as problem:
        return Row(line, name, "", str(problem))


def raw_text(title: str, description: str, attributes: Mapping[str, str]) -> str:
    """The text of a product: title, description, then a line `key: value` per attribute, empty ones left out."""
    lines = [part for part in (title, description) if part.strip()]
    lines += [f"{key}: {value}" for key, value in attributes.items() if value.strip()]
    return "\n".join(lines)


def _text(cells: Mapping[str, Any], field: str) -> str:
    value = cells.get(field)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise RowProblem(f"{field} is {_shown(value)}, not a text")


def _attributes(value: Any) -> dict[str, str]:
    """A mapping, or a text: a JSON object, or `key: value; key: value`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return {}
    if isinstance(value, str):
        if value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise RowProblem(f"attributes is not JSON: {error}") from None
        else:
            return dict(_pair(part) for part in filter(str.strip, _PAIR_SEPARATOR.split(value)))
    if not isinstance(value, Mapping):
        raise RowProblem(f"attributes is {_shown(value)}, not an object of keys and values")
    found: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            raise RowProblem(f"attributes.{key} is {_shown(item)}, not a value")
        if isinstance(item, (list, tuple)):
            item = ", ".join(str(part) for part in item if part is not None)
        if item is not None and str(key).strip():
            found[str(key).strip()] = str(item)
    return found


def _pair(part: str) -> tuple[str, str]:
    mark = _PAIR_MARK.search(part)
    if mark is None:
        raise RowProblem(f"attributes has {part.strip()!r}: write `key: value; key: value`")
    return part[: mark.start()].strip(), part[mark.end() :].strip()


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
