"""What categories and tags are called in a language; their ids stay what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from .results import TaggedProduct

DISPLAY_NAMES = "display_names"
"""The parameter of the model's configuration that holds {language: {`category/apparel`: name, `tag/dress`: name}}."""

DisplayNames = Mapping[str, Mapping[str, str]]
_Answer = TypeVar("_Answer")


def language_code(lang: str | None) -> str | None:
    """A language code's first part in lower case: `zh-CN` → `zh`; None for None.

    Raises:
        ValueError: It has no first part.
    """
    if lang is None:
        return None
    code = re.split(r"[-_]", lang.strip(), maxsplit=1)[0].lower()
    if not code:
        raise ValueError(f"lang is {lang!r}; give a language code such as zh, or None for ids")
    return code


def read_display_names(config: Mapping[str, Any]) -> DisplayNames:
    """Reads the names from a model's configuration; none where the server's release has none."""
    parameter = (config.get("parameters") or {}).get(DISPLAY_NAMES) or {}
    try:
        names = json.loads(parameter.get("string_value") or "{}")
    except ValueError:
        return {}
    return names if isinstance(names, dict) else {}


def with_names(answers: Sequence[_Answer], names: Mapping[str, str]) -> list[_Answer]:
    """The answers with display names put in; what has no name in the language keeps its id for one.

    Args:
        answers: Results, and errors, which stay as they are.
        names: `category/…` and `tag/…` → name.
    """
    if not names:  # they stand there already
        return list(answers)
    return [_named(answer, names) if isinstance(answer, TaggedProduct) else answer for answer in answers]


def _named(product: TaggedProduct, names: Mapping[str, str]) -> Any:
    category = product.category and names.get(f"category/{product.category}", product.category)
    tags = tuple(replace(tag, display_name=names.get(f"tag/{tag.name}", tag.name)) for tag in product.tags)
    return replace(product, category_display_name=category, tags=tags)
