"""What goes wrong on the way into a catalogue: typing mistakes, mark-up, emoji, words of another language."""

from __future__ import annotations

import random
import re
from typing import Any

_LONG_WORD = re.compile(r"[A-Za-z]{5,}")
_NEIGHBOURS = {
    "a": "sq", "e": "wr", "i": "uo", "o": "ip", "u": "yi", "s": "ad", "t": "ry", "n": "bm", "r": "et", "l": "k",
    "c": "xv",
}  # fmt: skip


def clutter(text: str, lang: str, noise: Any, rng: random.Random) -> str:
    """Return the text as it may arrive: most texts come unharmed.

    Args:
        text: a title.
        lang: `en` or `zh`.
        noise: the content of noise.yaml.
        rng: the source of chance.
    """
    if rng.random() < 0.14:
        text = _mistype(text, rng) if lang == "en" else _swap_characters(text, noise["typo_characters"], 1, rng)
    if lang == "zh" and rng.random() < 0.04:
        text = _swap_characters(text, noise["traditional_characters"], 8, rng)
    if rng.random() < (0.08 if lang == "zh" else 0.015):
        text = _insert(text, rng.choice(noise["inserts"][lang]), rng)
    if rng.random() < 0.07:
        emoji = rng.choice(noise["emoji"])
        text = rng.choice((f"{emoji}{text}", f"{text} {emoji}", f"{emoji} {text} {emoji}"))
    if rng.random() < 0.05:
        text = rng.choice(
            (
                text.replace(" ", "&nbsp;", 1),
                f"<b>{text}</b>",
                f"{text}<br/>",
                text.replace(" - ", " &ndash; ").replace(" and ", " &amp; "),
                f"{text} https://shop.example/p/{rng.randint(1000, 99999)}",
            )
        )
    if lang == "zh" and rng.random() < 0.05:
        text = text.translate({code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)})
    return text


def _mistype(text: str, rng: random.Random) -> str:
    words = list(_LONG_WORD.finditer(text))
    for match in rng.sample(words, min(len(words), rng.choice((1, 1, 2)))):
        word = match.group()
        at = rng.randint(1, len(word) - 2)
        wrong = rng.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + word[at] + word[at:],
                word[:at] + rng.choice(_NEIGHBOURS.get(word[at].lower(), word[at])) + word[at + 1 :],
            )
        )
        text = text.replace(word, wrong, 1)
    return text


def _swap_characters(text: str, table: dict[str, str], most: int, rng: random.Random) -> str:
    places = [place for place, character in enumerate(text) if character in table]
    characters = list(text)
    for place in rng.sample(places, min(most, len(places))):
        characters[place] = table[characters[place]]
    return "".join(characters)


def _insert(text: str, word: str, rng: random.Random) -> str:
    words = text.split(" ")
    words.insert(rng.randint(0, len(words)), word)
    return " ".join(words)
