"""Which of the two languages a text is written in, for rows that don't say."""

from __future__ import annotations

import re

ZH_SHARE = 0.2
"""A text is Chinese from this share of Han characters among its letters.

Low on purpose: Chinese titles are full of Latin brand and model names, and one Han character says about as much as
four Latin letters. English titles with a Chinese brand in front stay well below it.
"""

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_LETTER = re.compile(r"[^\W\d_]")


def detect_language(text: str) -> str:
    """Tells `zh` from `en` by the share of Han characters among the letters.

    Args:
        text: Any text; spaces, digits and punctuation play no part.

    Returns:
        `zh` or `en`. A text without letters is `en`.
    """
    if text.isascii():
        return "en"
    han = len(_HAN.findall(text))
    if not han:
        return "en"
    return "zh" if han >= ZH_SHARE * len(_LETTER.findall(text)) else "en"
