"""Which writing systems a text is in, and which languages are written in them."""

from __future__ import annotations

import re
from collections import Counter

LATIN, HAN, KANA, HANGUL = "latin", "han", "kana", "hangul"
CYRILLIC, ARABIC, DEVANAGARI = "cyrillic", "arabic", "devanagari"
OTHER = "other"
"""Letters of a script that has no line here."""

_RANGES = {
    HAN: "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f",
    KANA: "\u3041-\u3096\u309d\u309e\u30a1-\u30fa\u30fc-\u30fe\u31f0-\u31ff\uff66-\uff9d",
    HANGUL: "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb",
    CYRILLIC: "\u0400-\u052f\u1c80-\u1c88\u2de0-\u2dff\ua640-\ua69f",
    ARABIC: "\u0620-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff"
    "\ufe70-\ufefc",
    "greek": "\u0370-\u0373\u0376-\u03ff\u1f00-\u1fff",
    "hebrew": "\u05d0-\u05f2\ufb1d-\ufb4f",
    DEVANAGARI: "\u0900-\u0963\u0971-\u097f\ua8e0-\ua8ff",
    "bengali": "\u0980-\u09e3\u09f0\u09f1",
    "gurmukhi": "\u0a01-\u0a5e\u0a70-\u0a76",
    "gujarati": "\u0a81-\u0ae3",
    "tamil": "\u0b82-\u0bd7",
    "telugu": "\u0c00-\u0c63",
    "kannada": "\u0c80-\u0ce3",
    "malayalam": "\u0d00-\u0d63\u0d7a-\u0d7f",
    "sinhala": "\u0d81-\u0df3",
    "thai": "\u0e01-\u0e3a\u0e40-\u0e4e",
    "lao": "\u0e81-\u0ecd\u0edc-\u0edf",
    "myanmar": "\u1000-\u103f\u1050-\u109f",
    "georgian": "\u10a0-\u10ff\u1c90-\u1cbf",
    "ethiopic": "\u1200-\u135a",
    "khmer": "\u1780-\u17d3",
    "armenian": "\u0531-\u0587",
    LATIN: "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a",
}
_LETTERS = re.compile(
    "|".join(f"(?P<{script}>[{ranges}]+)" for script, ranges in _RANGES.items()) + rf"|(?P<{OTHER}>[^\W\d_])"
)

LANGUAGES = {
    HAN: ("zh", "ja"),
    KANA: ("ja",),
    HANGUL: ("ko",),
    CYRILLIC: ("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "tg", "tt"),
    ARABIC: ("ar", "fa", "ur", "ps", "ckb", "sd", "ug"),
    "greek": ("el",),
    "hebrew": ("he", "yi"),
    DEVANAGARI: ("hi", "mr", "ne", "sa"),
    "bengali": ("bn", "as"),
    "gurmukhi": ("pa",),
    "gujarati": ("gu",),
    "tamil": ("ta",),
    "telugu": ("te",),
    "kannada": ("kn",),
    "malayalam": ("ml",),
    "sinhala": ("si",),
    "thai": ("th",),
    "lao": ("lo",),
    "myanmar": ("my",),
    "georgian": ("ka",),
    "ethiopic": ("am", "ti"),
    "khmer": ("km",),
    "armenian": ("hy",),
}
"""Script → the languages written in it, the one with the most readers first. Latin has too many to list."""
_OTHER_SCRIPTS = frozenset(language for languages in LANGUAGES.values() for language in languages)


def letters_by_script(text: str) -> Counter[str]:
    """Counts the letters of a text by script."""
    counts: Counter[str] = Counter()
    for match in _LETTERS.finditer(text):
        counts[str(match.lastgroup)] += match.end() - match.start()
    return counts


def without_other_scripts(text: str, script: str) -> str:
    """Returns the text with a space for every run of letters of another script."""
    return _LETTERS.sub(lambda match: match.group() if match.lastgroup == script else " ", text)


def is_written_in(language: str, script: str) -> bool:
    """Tells whether a language (`zh`, `sr-Latn`) can be written in a script."""
    language = language.partition("-")[0]
    if script == LATIN:
        return language not in _OTHER_SCRIPTS or language == "sr"
    return language in LANGUAGES.get(script, ())
