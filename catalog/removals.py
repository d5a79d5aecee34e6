"""What cleaning took from a catalogue's texts, shown on samples."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from catalog.cleaning import clean_text
from catalog.readers import read_products
from product_tagger_files import Product, ReadOptions

_MAX_CHARACTERS = 4_000
_MAX_TOKENS = 400
"""Of a text so much is compared: the time that a comparison takes grows with its square."""
_MAX_PIECE, _MAX_KEPT, _MAX_SHOWN = 60, 200, 800
# Hidden elements and tags as a whole, words, and each character of a script without spaces or between words.
_TOKEN = re.compile(
    r"<(script|style|svg)\b[^<]*(?:<[^<]*){0,20}</\1|<!--.*?-->|<[^<>]+>|[^\W\u3040-\u30ff\u3400-\u9fff]+|."
)


@dataclass(frozen=True, slots=True)
class Removal:
    """One product whose text cleaning changed.

    Attributes:
        line: Where the product begins, from 1.
        id: The product's.
        marked: The raw text on one line, in the notation of `git diff --word-diff`: what went is in [-…-], what came in
            its place in {+…+}. Long pieces are shortened.
    """

    line: int
    id: str
    marked: str


@dataclass(frozen=True, slots=True)
class Removals:
    """What cleaning did to a file.

    Attributes:
        products: Products that were read.
        changed: Those whose text cleaning changed.
        samples: Some of these, drawn at random, in the file's order.
    """

    products: int
    changed: int
    samples: tuple[Removal, ...]


def find_removals(path: Path, options: ReadOptions, count: int, seed: int = 0) -> Removals:
    """Reads a file and draws products whose text cleaning changed.

    Args:
        path: The file.
        options: How it is to be read.
        count: At most so many samples.
        seed: Of the draw.

    Raises:
        CatalogError: The file can't be read at all.
    """
    draw = random.Random(seed)
    products = changed = 0
    kept: list[tuple[int, Product]] = []
    for row, item in read_products(path, options):
        if not isinstance(item, Product):
            continue
        products += 1
        raw = item.raw_text
        if clean_text(raw) == " ".join(raw.split()):
            continue
        changed += 1
        if len(kept) < count:
            kept.append((row.line, item))
        elif (place := draw.randrange(changed)) < count:
            kept[place] = (row.line, item)
    samples = (
        Removal(line, product.id, mark_removals(product.raw_text, clean_text(product.raw_text)))
        for line, product in sorted(kept, key=lambda entry: entry[0])
    )
    return Removals(products, changed, tuple(samples))


def mark_removals(raw: str, cleaned: str) -> str:
    """Compares a raw text with its cleaned form; see `Removal.marked`. Control characters are escaped."""
    line = " ".join(raw.split())
    before, after = _tokens(line), _tokens(cleaned)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    shown = "".join(_pieces(matcher, before, after))
    whole = len(shown) <= _MAX_SHOWN and sum(map(len, before)) == len(line)
    return shown if whole else f"{shown[:_MAX_SHOWN]} …"


def _tokens(text: str) -> list[str]:
    found = _TOKEN.finditer(text[:_MAX_CHARACTERS])
    return [match.group() for match, _ in zip(found, range(_MAX_TOKENS), strict=False)]


def _pieces(matcher: SequenceMatcher[str], before: list[str], after: list[str]) -> Iterator[str]:
    for kind, start, stop, new_start, new_stop in matcher.get_opcodes():
        old, new = "".join(before[start:stop]), "".join(after[new_start:new_stop])
        if kind == "equal":
            yield _shortened(old, _MAX_KEPT)
            continue
        if old:
            yield f"[-{_shortened(old, _MAX_PIECE)}-]" if old.strip() else ""
        if new:
            yield f"{{+{_shortened(new, _MAX_PIECE)}+}}" if new.strip() else new


def _shortened(text: str, most: int) -> str:
    return _printable(text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 3 :]}")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
