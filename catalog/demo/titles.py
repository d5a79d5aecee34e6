"""Puts the facts of a product into a seller's words: a title, sometimes a description, in English or Chinese."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from catalog.demo.facts import Facts

_SMALL_WORDS = {"and", "with", "for", "of", "in", "to", "a", "the", "or", "is", "it", "from"}


def write_title(facts: Facts, noise: Any, rng: random.Random) -> str:
    """Return a title in the product's language.

    Args:
        facts: what to say.
        noise: the content of noise.yaml, for promotional clutter.
        rng: the source of chance.
    """
    return _english_title(facts, noise, rng) if facts.lang == "en" else _chinese_title(facts, noise, rng)


def write_description(facts: Facts, said: Sequence[str], noise: Any, rng: random.Random) -> str:
    """Return one or two sentences about the product.

    Args:
        facts: the product.
        said: phrases the sentences have to contain; selling points fill up what is missing.
        noise: the content of noise.yaml, for the sentences' patterns.
        rng: the source of chance.
    """
    phrases = list(said)
    fill = [detail.names[facts.lang][0] for detail in facts.family.details]
    rng.shuffle(fill)
    phrases += fill[: max(0, 2 - len(phrases))]
    sentences = []
    for pattern in rng.sample(noise["sentences"][facts.lang], (len(phrases) + 1) // 2):
        first, second = phrases.pop(0), phrases.pop(0) if phrases else fill[-1]
        if "{b}" not in pattern or "{a}" not in pattern:
            pattern = noise["sentences"][facts.lang][0]
        sentences.append(pattern.format(name=facts.names[0], a=first, b=second))
    return ("" if facts.lang == "zh" else " ").join(sentences)


def _english_title(facts: Facts, noise: Any, rng: random.Random) -> str:
    front = [statement.words for statement in facts.statements if statement.in_front]
    behind = [statement.words for statement in facts.statements if not statement.in_front] + list(facts.extras)
    rng.shuffle(front)
    rng.shuffle(behind)
    name = facts.names[0]
    if facts.names[1] != name and rng.random() < 0.5:
        name += rng.choice((" ", " / ", ", ")) + facts.names[1]
    elif len(behind) >= 3 and facts.brand and facts.model and rng.random() < 0.2:
        name = ""  # Some sellers name the model and what it can do, and leave it to the picture to say what it is.

    head = " ".join(filter(None, (facts.brand, facts.model, *front, name)))
    if facts.brand and name and rng.random() < 0.18:  # What it is first, who made it later.
        head = " ".join((*front, name))
        behind.insert(rng.randint(0, len(behind)), rng.choice(("by ", "")) + facts.brand)
    if behind and rng.random() < 0.3:
        head += rng.choice((" - ", ": ", " ")) + behind.pop(0)
    separator = rng.choice((", ", ", ", ", ", " | ", " - ", " ", "; "))
    title = separator.join(part for part in (head, *behind) if part.strip())
    for note in (facts.colour, facts.spec):
        if note:
            title += rng.choice((f" ({note})", f", {note}", f" - {note}", f" {note}"))
    if rng.random() < 0.3:
        promotion = rng.choice(noise["promotions"]["en"])
        title = rng.choice((f"{title} {promotion}", f"{title} | {promotion}", f"{promotion.upper()}! {title}"))
    return _english_case(title, rng)


def _english_case(title: str, rng: random.Random) -> str:
    style = rng.random()
    if style < 0.6:
        words = title.split(" ")
        return " ".join(
            word if word in _SMALL_WORDS or not word[:1].isalpha() else word[0].upper() + word[1:] for word in words
        )
    if style < 0.66:
        return title.upper()
    if style < 0.74:
        return title.lower()
    return title[:1].upper() + title[1:]


def _chinese_title(facts: Facts, noise: Any, rng: random.Random) -> str:
    front = [statement.words for statement in facts.statements if statement.in_front]
    behind = [statement.words for statement in facts.statements if not statement.in_front] + list(facts.extras)
    rng.shuffle(front)
    rng.shuffle(behind)
    name = facts.names[0]
    if facts.names[1] != name and rng.random() < 0.4:
        name += rng.choice(("", " ")) + facts.names[1]
    # Chinese titles pile words up on both sides of the name.
    while behind and rng.random() < 0.25:
        front.append(behind.pop())
    rng.shuffle(front)
    brand = facts.brand
    if brand:
        brand = rng.choice((brand, f"{brand} ", f"【{brand}】", f"{brand}旗舰店 ", f"{brand}/"))
    separator = rng.choice(("", "", " ", " ", "，", "·"))
    core = separator.join(filter(None, (*front, name)))
    title = brand + (f"{facts.model} " if facts.model else "") + core
    if rng.random() < 0.2:
        title = core + " " + brand.strip("/ ")
    if behind:
        title += rng.choice(("", " ", separator)) + separator.join(behind)
    for note in (facts.colour, facts.spec):
        if note:
            title += rng.choice((f" {note}", f"（{note}）", f"【{note}】", note))
    if rng.random() < 0.45:
        promotion = rng.choice(noise["promotions"]["zh"])
        title = rng.choice((f"{title} {promotion}", f"{promotion}{title}", f"【{promotion}】{title}"))
    return title.strip()
