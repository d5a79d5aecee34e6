"""The words by which tools write that a cell is empty.

How far a word goes depends on the field. A category, tag or id `NA` is R's empty cell. A title `NA` may be a product's
name, and a brand may be called None: in texts only notations count that name nothing.
"""

from __future__ import annotations

import re

# As pandas, R, SQL, Excel, JavaScript and PostgreSQL write it.
_ANYWHERE = frozenset((
    "nan", "NaN", "NAN", "-nan", "-NaN", "NaT", "null", "NULL", "(null)", "(NULL)", "<null>", "<NULL>", "[null]",
    "[NULL]", "N/A", "n/a", "N/a", "#N/A", "#n/a", "#N/A N/A", "#NA", "<NA>", "\\N", "#REF!", "#VALUE!", "#NAME?",
    "#NULL!", "#DIV/0!", "#NUM!", "undefined",
))  # fmt: skip
_TEXTS = _ANYWHERE | {"None"}
_DESCRIPTIONS = _TEXTS | {"NA", "none", "NONE", "na", "Null", "nil", "无", "無", "暂无"}
_LABELS = frozenset((*(word.casefold() for word in _DESCRIPTIONS), "n.a.", "(none)", "<none>"))
_LONGEST = max(map(len, _LABELS))
_STROKES = re.compile(r"[-–—―_.?*/]{1,5}")


def is_missing_label(text: str) -> bool:
    """Whether a category, a tag, an id, a language or a count says that there is none; `text` is stripped."""
    return len(text) <= _LONGEST and (text.casefold() in _LABELS or _STROKES.fullmatch(text) is not None)


def is_missing_title(text: str) -> bool:
    """Whether a title says that there is none. `NA` and `none` may be names."""
    return len(text) <= _LONGEST and (text in _TEXTS or _STROKES.fullmatch(text) is not None)


def is_missing_description(text: str) -> bool:
    """Whether a description says that there is none."""
    return len(text) <= _LONGEST and (text in _DESCRIPTIONS or _STROKES.fullmatch(text) is not None)


def is_missing_value(text: str) -> bool:
    """Whether an attribute's value says that there is none. `None` may be said of a lining, or be a brand."""
    return len(text) <= _LONGEST and (text in _ANYWHERE or _STROKES.fullmatch(text) is not None)
