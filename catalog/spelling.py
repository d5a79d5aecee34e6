"""When two words of a shop are one label, and how that label is written."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from product_tagger_files.paths import PATH_SEPARATOR

_IGNORED = (
    # Control characters that are no white space.
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
    # Unicode's Default_Ignorable_Code_Point without the two joiners: zero-width, soft hyphen, byte order mark,
    # direction marks, variation selectors, fillers, tags.
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_IGNORED}\u200c\u200d]")
# Within Arabic and Indian scripts the joiners decide how the letters look.
_INVISIBLE_IN_NAMES = re.compile(
    f"[{_IGNORED}]|(?<![\u0590-\U0010ffff])[\u200c\u200d]|[\u200c\u200d](?![\u0590-\U0010ffff])"
)
_BETWEEN_WORDS = re.compile("[\\s_\u2010-\u2015\u2212-]+")


def fold(word: str) -> str:
    """Brings the spellings of one label together.

    Case, width, composed or decomposed accents, invisible characters, and what separates words (spaces, hyphens,
    underscores) don't count. Accents, punctuation and other signs do: `C` and `C++` are two labels.

    Args:
        word: A label, or a category path `A > B`, whose levels are folded one by one.

    Returns:
        The same text for all spellings; empty where nothing can be seen.
    """
    if not word.isascii():
        word = unicodedata.normalize("NFKC", _INVISIBLE.sub("", word)).casefold()
        word = unicodedata.normalize("NFKC", word)
    levels = " ".join(_INVISIBLE.sub("", word).casefold().split()).split(PATH_SEPARATOR)
    return PATH_SEPARATOR.join(_BETWEEN_WORDS.sub("-", level) for level in levels if level)


def label_id(word: str) -> str:
    """Makes an id of a shop's own word for a category or tag.

    `Car Parts` becomes `car-parts`, `Home > Car Parts` becomes `home > car-parts`, `材质:纯棉` stays as it is.
    """
    return fold(word)


def clean_name(word: str) -> str:
    """Returns a shop's own spelling as it can be shown: composed, without invisible characters or runs of spaces."""
    return " ".join(_INVISIBLE_IN_NAMES.sub("", unicodedata.normalize("NFC", word)).split())


def hint(word: str, known: Iterable[str]) -> str:
    """Returns `; did you mean 'x'?` for the nearest known word, or nothing when none is near."""
    words = list(known)
    near = difflib.get_close_matches(fold(word), words, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
