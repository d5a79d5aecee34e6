"""Labels of a shop that may mean the same: told, so that a person joins them or leaves them apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from product_tagger_files.paths import PATH_SEPARATOR

MOST_LABELS = 10_000
"""Only the most frequent labels are looked at."""
MOST_PAIRS = 50
TYPO_RARITY = 5
"""A typing mistake is that much rarer than what was meant; `boots` and `boats` are both frequent."""
_TYPO_LETTERS = (6, 40)

_SAME_MEANING = (
    ("apparel", "clothing", "clothes", "fashion", "服饰", "服飾", "服装", "服裝", "鞋服", "衣服"),
    ("beauty", "cosmetics", "beauty-&-personal-care", "美妆", "美妝", "美容", "化妆品", "化妝品", "个护美妆"),
    ("electronics", "consumer-electronics", "电子产品", "電子產品", "数码", "數碼", "电子", "数码电子"),
    ("home", "home-&-kitchen", "household", "家居", "家居用品", "居家"),
    ("food", "grocery", "groceries", "food-&-drinks", "食品", "食品饮料"),
    ("automotive", "auto", "car-&-motorbike", "汽车", "汽車", "汽车用品", "车品"),
    ("shoes", "footwear", "鞋", "鞋子", "鞋类"),
    ("toys", "toys-&-games", "玩具"),
    ("sports", "sports-&-outdoors", "运动", "運動", "运动户外"),
    ("books", "图书", "圖書", "书籍"),
    ("jewellery", "jewelry", "珠宝", "珠寶", "首饰", "首飾"),
)
_MEANING = {word: f"={group[0]}" for group in _SAME_MEANING for word in group}

_ACCENTS = re.compile("[\u0300-\u036f]")
_WORDS = re.compile(r"[\w+#]+")


def look_alikes(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Finds labels that mean the same in most shops, or are spelled nearly alike.

    Alike are: accents (`décor`, `decor`), singular and plural, joined and separate words, another order of the words,
    one typing mistake in a rare label, and usual names for the same department, in English and Chinese. Levels of a
    path are compared with each other. Time and memory are linear in the characters of the labels.

    Args:
        counts: Label id → number of products.

    Returns:
        At most MOST_PAIRS pairs, the more frequent label of a pair first; pairs of many products first.
    """
    labels = sorted(counts, key=lambda label: (-counts[label], label))[:MOST_LABELS]
    pairs: dict[tuple[str, str], None] = {}
    for keys in (_meanings, _joined, _ordered):
        pairs.update(dict.fromkeys(_sharing((label, [keys(label)]) for label in labels)))
    for one, other in _sharing((label, _with_a_letter_less(_joined(label))) for label in labels):
        if counts[other] * TYPO_RARITY <= counts[one] and _is_one_mistake(_joined(one), _joined(other)):
            pairs[one, other] = None
    ranked = sorted(pairs, key=lambda pair: (-min(counts[pair[0]], counts[pair[1]]), pair))
    return ranked[:MOST_PAIRS]


def _sharing(keyed: Iterable[tuple[str, Iterable[str]]]) -> Iterator[tuple[str, str]]:
    """The first label with a key beside each later one with the same key."""
    first: dict[str, str] = {}
    for label, keys in keyed:
        for key in keys:
            if key and first.setdefault(key, label) != label:
                yield first[key], label


def _meanings(label: str) -> str:
    return PATH_SEPARATOR.join(_MEANING.get(level, level) for level in label.split(PATH_SEPARATOR))


def _joined(label: str) -> str:
    return PATH_SEPARATOR.join("".join(label_words(level)) for level in label.split(PATH_SEPARATOR))


def _ordered(label: str) -> str:
    return PATH_SEPARATOR.join(" ".join(sorted(label_words(level))) for level in label.split(PATH_SEPARATOR))


def label_words(level: str) -> list[str]:
    """The words of a lower-case label without accents, plural endings and `and`."""
    plain = level if level.isascii() else _ACCENTS.sub("", unicodedata.normalize("NFD", level))
    words = _WORDS.findall(unicodedata.normalize("NFC", plain).replace("'s", "s").replace("_", " "))
    return [_singular(word) for word in words if word != "and"]


def _singular(word: str) -> str:
    """An English noun without its plural ending; close enough for a hint."""
    if len(word) <= 3 or not word.isascii():
        return word
    for ending, mend in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if word.endswith(ending):
            return word[: -len(ending)] + mend
    return word if word.endswith(("ss", "us", "is")) else word.removesuffix("s")


def _with_a_letter_less(key: str) -> Iterator[str]:
    """The key, and the key without each letter of its last level: two words with one mistake share one of these.

    Only Latin, Greek and Cyrillic labels: in other scripts one sign is a word.
    """
    least, most = _TYPO_LETTERS
    start = len(key) - len(key.rpartition(PATH_SEPARATOR)[2])
    if least <= len(key) - start <= most and all(char < "\u0530" for char in key[start:]):
        yield key
        for place in range(start, len(key)):
            if not key[place].isdigit():
                yield key[:place] + key[place + 1 :]


def _is_one_mistake(one: str, other: str) -> bool:
    """Tells whether one letter was left out, added or replaced, or two neighbours were swapped; the first is right."""
    differing = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    start = next(differing, min(len(one), len(other)))
    rest, others = one[start:], other[start:]
    if not start or any(char.isdigit() for char in rest[:1] + others[:1]):
        return False
    swapped = rest[:2] == others[1::-1] and rest[2:] == others[2:]
    return swapped or rest[1:] == others[1:] or rest[1:] == others or rest == others[1:]
