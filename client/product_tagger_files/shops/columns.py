"""Finds an export's columns by name, whatever their case and whatever stands between their words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_BETWEEN_WORDS = re.compile(r"[\s_-]+")


def fold(column: str) -> str:
    """Brings the spellings of a column together: `g:item_group_id`, `Item group ID` → `item group id`."""
    return _BETWEEN_WORDS.sub(" ", column.strip().casefold()).strip().removeprefix("g:")


def folded(columns: Sequence[str]) -> set[str]:
    """All of a file's columns, folded."""
    return set(map(fold, columns))


class Columns:
    """The columns of one file."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Takes the file's columns; of two that fold to the same, the first counts."""
        self._names: dict[str, str] = {}
        for column in columns:
            self._names.setdefault(fold(column), column)

    def find(self, *names: str) -> str | None:
        """The first of these columns (folded names) that the file has."""
        return next((self._names[name] for name in names if name in self._names), None)

    def items(self) -> Iterable[tuple[str, str]]:
        """Folded name and column of all."""
        return self._names.items()


def cell(row: Mapping[str, Any], column: str | None) -> Any:
    """A row's cell; None where there is no such column, or nothing but space in the cell."""
    value = None if column is None else row.get(column)
    return None if isinstance(value, str) and not value.strip() else value


def first_cell(row: Mapping[str, Any], columns: Iterable[str | None]) -> Any:
    """The first cell of these that holds something."""
    return next((value for column in columns if (value := cell(row, column)) is not None), None)


def key(value: Any) -> str:
    """A cell as a name that rows share: a handle, a SKU."""
    return str(value).strip().casefold()


def in_words(*columns: str | None) -> str:
    """Some of a file's columns for a sentence."""
    return ", else ".join(column for column in columns if column is not None)
