"""A catalogue of any size, whose labels can be learnt: every label has words of its own among common ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

COMMON_WORDS = 30_000
"""Words that say nothing of the labels; their frequencies fall as in a language (Zipf's law)."""
WORDS_A_CATEGORY = 6
ROWS_AT_ONCE = 10_000
SEED = 13
_SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ka",
    "le",
    "mi",
    "no",
    "pu",
    "ra",
    "se",
    "ti",
    "vo",
    "zu",
    "an",
    "er",
    "il",
)


def write_catalogue(path: Path, rows: int, categories: int, tags: int) -> None:
    """Write products as JSON lines: a title of about 80 characters, a category, and three tags.

    Args:
        path: where to.
        rows: how many products.
        categories: how many categories; each has as many products as another.
        tags: how many tags there are.
    """
    random = np.random.default_rng(SEED)
    ranks = 1.0 / np.arange(1, COMMON_WORDS + 1)
    cumulated = np.cumsum(ranks / ranks.sum())
    common = [_word(number) for number in range(COMMON_WORDS)]
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, rows, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, rows - start)
            category = random.integers(categories, size=count)
            own = random.integers(WORDS_A_CATEGORY, size=(count, 2))
            carried = random.integers(tags, size=(count, 3)) if tags else np.zeros((count, 0), dtype=np.int64)
            filling = np.searchsorted(cumulated, random.random((count, 6)))
            for row in range(count):
                words = [
                    f"{_word(COMMON_WORDS + int(category[row]) * WORDS_A_CATEGORY + int(one))}" for one in own[row]
                ]
                words += [f"tag{tag}" for tag in carried[row]]
                words += [common[min(number, COMMON_WORDS - 1)] for number in filling[row]]
                random.shuffle(words)
                product = {
                    "id": f"sku-{start + row}",
                    "title": " ".join(words),
                    "category": f"category {category[row]}",
                    "tags": [f"tag {tag}" for tag in dict.fromkeys(carried[row].tolist())],
                }
                file.write(json.dumps(product) + "\n")


def _word(number: int) -> str:
    """A word for a number, another one for each."""
    word = ""
    while True:
        number, syllable = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[syllable]
        if not number:
            return word
