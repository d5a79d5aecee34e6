"""Which language a text is written in, for rows that don't say, and a label's name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from catalog.scripts import LANGUAGES, is_written_in, letters_by_script

UNKNOWN = "und"
"""The code of BCP 47 for a language that is not known."""

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


def name_language(name: str, spoken: Iterable[str] = ()) -> str:
    """Tells under which language a label's name is kept.

    Args:
        name: The name: a few words at most, too few to tell a language by.
        spoken: Languages of the products that carry the label, the most frequent first.

    Returns:
        The first of these that is written in the name's script. Otherwise the usual language of the script: `en` for
        ASCII letters, `UNKNOWN` for other Latin ones (`Décor`).
    """
    scripts = letters_by_script(name)
    if not scripts:
        return next((language for language in spoken if language != UNKNOWN), "en")
    # Kana stand among Chinese characters in Japanese only.
    script = "kana" if "kana" in scripts else scripts.most_common(1)[0][0]
    for language in spoken:
        if language != UNKNOWN and is_written_in(language, script):
            return language
    if script in LANGUAGES:
        return LANGUAGES[script][0]
    return "en" if name.isascii() else UNKNOWN
