"""The words by which tools write that a cell is empty.

How far a word goes depends on the field. A category, tag or id `NA` is R's empty cell. A title `NA` may be a product's
name, and a brand may be called None: in texts only notations count that name nothing.
"""

from __future__ import annotations

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
_STROKES = "-–—―_.?*/"
_MOST_STROKES = 5
# Most texts are told apart by their first character.
_FIRST = frozenset(word[0] for word in _LABELS) | frozenset(word[0].upper() for word in _LABELS) | frozenset(_STROKES)


def is_missing_label(text: str) -> bool:
    """Whether a category, a tag, an id, a language or a count says that there is none; `text` is stripped."""
    if text[:1] not in _FIRST or len(text) > _LONGEST:
        return False
    return text.casefold() in _LABELS or _is_stroke(text)


def is_missing_title(text: str) -> bool:
    """Whether a title says that there is none. `NA` and `none` may be names."""
    return text in _TEXTS or _is_stroke(text)


def is_missing_description(text: str) -> bool:
    """Whether a description says that there is none."""
    return text in _DESCRIPTIONS or _is_stroke(text)


def is_missing_value(text: str) -> bool:
    """Whether an attribute's value says that there is none. `None` may be said of a lining, or be a brand."""
    return text in _ANYWHERE or _is_stroke(text)


def _is_stroke(text: str) -> bool:
    return 0 < len(text) <= _MOST_STROKES and not text.strip(_STROKES)
