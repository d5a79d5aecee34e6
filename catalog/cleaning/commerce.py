"""Removes what sells a product and doesn't name it: addresses, ratings, prices, promotions and pictures."""

from __future__ import annotations

import re
from collections.abc import Callable

from .addresses import DOMAIN_HINTS, EMAIL, URL
from .prices import BARE_PRICE, PRICE, PRICE_HINTS, ZH_PRICE_HINTS
from .promotions import PROMO, PROMO_HINTS
from .promotions_tw import TW_PROMO, TW_PROMO_HINTS
from .promotions_zh import ZH_PROMO, ZH_PROMO_HINTS
from .ratings import RATING, RATING_HINTS, REVIEW_HINTS, REVIEWS, ZH_REVIEW_HINTS, ZH_REVIEWS
from .traditional import to_simplified

_PICTURE = re.compile(
    "[\u2190-\u21ff\u231a\u231b\u23e9-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\ue000-\uf8ff"
    "\U0001f000-\U0001faff]+"
)


def remove_commerce(text: str, *, promotions: bool) -> str:
    """Puts spaces for all that is found; a text in which nothing is found comes back equal.

    Args:
        text: A plain text.
        promotions: Whether promotions are removed too, and words like 特价 that may be a price's.
    """
    simple = to_simplified(text)
    if simple is text:
        return _remove(text, " ", promotions)
    # Found in simplified characters and removed from the text as it is: each find becomes as many spaces.
    left = _remove(simple, _blank, promotions)
    return "".join(" " if found == " " else own for own, found in zip(text, left, strict=True))


def _remove(text: str, space: str | Callable[[re.Match[str]], str], promotions: bool) -> str:
    """`lower` tells what can occur at all, so that most expressions need not run."""
    lower = f" {text.lower()} "
    if "http" in lower or "www." in lower or ("/" in lower and _any(lower, DOMAIN_HINTS)):
        text = URL.sub(space, text)
    if "@" in lower:
        text = EMAIL.sub(space, text)
    if _any(lower, RATING_HINTS):
        text = RATING.sub(space, text)
    if _any(lower, REVIEW_HINTS):
        text = REVIEWS.sub(space, text)
    if lower.isascii():
        if _any(lower, PRICE_HINTS):
            text = PRICE.sub(space, text)
            text = BARE_PRICE.sub(space, text) if promotions else text
    else:
        if _any(lower, ZH_REVIEW_HINTS):
            text = ZH_REVIEWS.sub(space, text)
        if promotions and _any(lower, TW_PROMO_HINTS):
            text = TW_PROMO.sub(space, text)
        if promotions and _any(lower, ZH_PROMO_HINTS):
            text = ZH_PROMO.sub(space, text)
        if _any(lower, ZH_PRICE_HINTS) or _any(lower, PRICE_HINTS):
            text = PRICE.sub(space, text)
            text = BARE_PRICE.sub(space, text) if promotions else text
        text = _PICTURE.sub(space, text)
    if promotions and _any(lower, PROMO_HINTS):
        text = PROMO.sub(space, text)
    return text


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _any(text: str, hints: tuple[str, ...]) -> bool:
    for hint in hints:  # noqa: SIM110  # half the time of any(), and this runs on every title
        if hint in text:
            return True
    return False
