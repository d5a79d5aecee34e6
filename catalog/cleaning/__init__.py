"""Text cleaning for product titles and descriptions, English and Chinese.

`clean_text` removes what says nothing about a product: HTML, URLs, prices, star ratings, review counts, promotions,
emoji. It keeps sizes, capacities, percentages, materials and model numbers.

This package imports only the standard library, and its own modules relatively. The export copies the folder into each
release, so the server cleans a text with the very code that cleaned the training texts.

How it stays fast (10 to 35 µs for a usual title): each step starts with a plain substring test, and its regular
expression runs only where a text can match. How it stays safe on hostile text: characters are cut before anything is
computed, and no expression takes more than linear time.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .commerce import remove_commerce
from .plain import MAX_CHARACTERS, MAX_VISIBLE_CHARACTERS, plain_text
from .tidying import ENDS, tidy

__all__ = ["MAX_CHARACTERS", "MAX_VISIBLE_CHARACTERS", "Cleaned", "clean", "clean_text"]

_MAX_PASSES = 4
"""A removal can bring together what the next pass removes. Of 93,000 real texts one needed three passes, none more."""

_NAME = re.compile(
    r"(?<![^\W_])(?<!\d\s)(?!(?:an?|and|at|by|for|from|in|now|of|off|on|only|or|the|to|up|with)\b)[^\W\d_]"
    r"|(?<!\d)[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}",
    re.I,
)
"""A word that is neither a unit behind a number (`500 ml`, `3件`) nor one that only joins others."""


class Cleaned(NamedTuple):
    """A cleaned text.

    Attributes:
        text: One line without leading or trailing space; empty when nothing is left.
        cut: Whether the raw text was longer than what is read, so that its end was left out.
    """

    text: str
    cut: bool


def clean_text(raw: str) -> str:
    """Cleans one product text.

    Args:
        raw: Title, description and attributes as they came, or any part of them; one product.

    Returns:
        One line without leading or trailing space. Empty when nothing is left. Cleaning a cleaned text changes nothing.
    """
    return clean(raw).text


def clean(raw: str) -> Cleaned:
    """Cleans one product text and tells whether it was cut.

    Args:
        raw: As for `clean_text`. Of its characters MAX_CHARACTERS are read, and MAX_VISIBLE_CHARACTERS of what is left
            without markup.
    """
    plain, cut = plain_text(raw)
    plain = plain.strip(ENDS)
    text = _without_commerce(plain, promotions=True)
    # What is named like a promotion ("Hot Sale") keeps its name: a text of promotions only is about them.
    if text != plain and not _NAME.search(text):
        text = _without_commerce(plain, promotions=False)
    return Cleaned(text, cut)


def _without_commerce(plain: str, *, promotions: bool) -> str:
    """Removes prices, ratings, addresses and promotions until there are none."""
    text = plain
    for _ in range(_MAX_PASSES):
        stripped = remove_commerce(text, promotions=promotions)
        if stripped == text:
            return text
        text = tidy(stripped)
        if "<" in text or "&" in text:  # two halves of a tag or an entity may have come together
            text = plain_text(text)[0].strip(ENDS)
    # Only a text made to provoke passes needs more. It stays as it is, so that cleaning it again changes nothing.
    return plain
