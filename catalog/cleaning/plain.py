"""A raw text to plain characters: markup removed, full-width forms and the like made plain, length bounded."""

from __future__ import annotations

import re
import unicodedata

from .markup import remove_data, remove_markup

MAX_CHARACTERS = 65_536
"""Of a raw text so many characters are read: room for a style sheet or a picture before the words."""
MAX_VISIBLE_CHARACTERS = 8_192
"""Of a text without markup so many are kept: 85 a token at 96 tokens, and 16 a token at 512."""
_MAX_PASSES = 4
"""A full-width ＜ or ＆ can become markup; this bounds the passes on texts made to provoke that."""

# Before NFKC, which would write ™ as the letters TM, and so glue them to the word before. The two Arabic ligatures
# would become 18 and 8 characters; nothing else grows more than sixfold.
_MARKS = dict.fromkeys(map(ord, "®™℠©\ufffd\ufdfa\ufdfb"), " ") | {ord("✕"): "×", ord("✖"): "×", ord("❌"): "×"}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u20e3\ufe00-\ufe0f\ufeff\U000e0001-\U000e01ef]")
# NFKC takes quadratic time on a run of combining characters. They are no word characters to `re`, and no real word
# has more than three in a row. Long runs of signs and emoji go too, which say nothing.
_LONG_RUN = re.compile(r"[^\w\s\x00-\x7f]{33,}")


def plain_text(raw: str) -> tuple[str, bool]:
    """Removes HTML and brings every character to its plain form: NFKC, no control or invisible characters.

    Args:
        raw: Any text.

    Returns:
        One line of at most MAX_VISIBLE_CHARACTERS, and whether the text was cut for being longer than what is read.
        Applied to its own result, it changes nothing.
    """
    cut = len(raw) > MAX_CHARACTERS
    text = remove_data(" ".join(raw[:MAX_CHARACTERS].split()))
    if text.isascii() and len(text) <= MAX_VISIBLE_CHARACTERS and "<" not in text and "&" not in text:
        return _plain_characters(text), cut  # most texts
    for _ in range(_MAX_PASSES):
        text = remove_markup(text, cut)
        if len(text) > MAX_VISIBLE_CHARACTERS:
            text, cut = text[:MAX_VISIBLE_CHARACTERS], True
        text = _plain_characters(text)
        if len(text) > MAX_VISIBLE_CHARACTERS:
            text, cut = text[:MAX_VISIBLE_CHARACTERS].rstrip(), True
        if remove_markup(text) == text:
            return text, cut
    return " ".join(text.replace("<", " ").replace("&", " ").split()), cut


def _plain_characters(text: str) -> str:
    if not text.isascii():
        text = _INVISIBLE.sub("", text.translate(_MARKS))
        text = unicodedata.normalize("NFKC", _LONG_RUN.sub(" ", text))
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return " ".join(text.split())
