"""Makes the demo catalogue's records, split by split."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from catalog.demo.clutter import clutter
from catalog.demo.facts import CATEGORY_SHARES, PLANS, Brands, Facts, SplitPlan, draw
from catalog.demo.titles import write_description, write_title
from catalog.demo.vocabulary import Vocabulary

ENGLISH_SHARE = 0.52
MISSING_TAG_SHARE = 0.012
WRONG_SHELF_SHARE = 0.006
"""Label noise, as every shop has it: a tag forgotten, a product on another category's shelf (and without its tags)."""

Record = dict[str, Any]
"""A product record, with the keys that JSON Lines catalogues use."""


def records(vocabulary: Vocabulary, seed: int) -> Iterator[tuple[str, list[Record]]]:
    """Yield each split's name and its records.

    Titles differ from one another across all splits. The same seed makes the same records.
    """
    brands = Brands(vocabulary, random.Random(f"brands {seed}"))
    titles: set[str] = set()
    number = 0
    for plan in PLANS:
        rng = random.Random(f"{plan.name} {seed}")
        products: list[Record] = []
        while len(products) < plan.products:
            record = _record(vocabulary, brands, plan, rng)
            key = (record.get("title") or record.get("description", "")).casefold()
            if key in titles:
                continue
            titles.add(key)
            number += 1
            products.append({"id": f"demo-{number:05d}"} | record)
        yield plan.name, products


def _record(vocabulary: Vocabulary, brands: Brands, plan: SplitPlan, rng: random.Random) -> Record:
    lang = "en" if rng.random() < ENGLISH_SHARE else "zh"
    facts = draw(vocabulary, brands, plan, lang, rng)
    noise = vocabulary.noise
    attributes: dict[str, str] = {}
    if rng.random() < 0.14:
        facts, attributes = _move_to_attributes(facts, noise, rng)
    title = clutter(write_title(facts, noise, rng), lang, noise, rng)
    record: Record = {"lang": lang, "title": title}
    if rng.random() < 0.1:
        said = [statement.words for statement in facts.statements if not statement.in_front][:1]
        record["description"] = write_description(facts, said, noise, rng)
        if rng.random() < 0.2:  # A shop that fills in one field only.
            record["description"] = f"{record.pop('title')} {record['description']}"
    if attributes:
        record["attributes"] = attributes
    record["category"], record["tags"] = _shelved(facts, rng)
    return record | _behaviour(rng)


def _move_to_attributes(facts: Facts, noise: Any, rng: random.Random) -> tuple[Facts, dict[str, str]]:
    """Put the brand, the colour and the size into a table as well, and move some stated attributes there."""
    names = noise["attribute_names"]
    table: dict[str, str] = {}
    for key, value in (("brand", facts.brand), ("colour", facts.colour), ("spec", facts.spec)):
        if value and rng.random() < 0.6:
            table[names[key][facts.lang]] = value
    kept = []
    for statement in facts.statements:
        key = names[statement.attribute.kind][facts.lang]
        # A key stands once in a table: a second statement of its kind stays in the title.
        if statement.in_front and key not in table and rng.random() < 0.5:
            table[key] = statement.words
        else:
            kept.append(statement)
    rows = list(table.items())
    rng.shuffle(rows)
    return replace(facts, statements=tuple(kept)), dict(rows)


def _shelved(facts: Facts, rng: random.Random) -> tuple[str, list[str]]:
    """Return category and tags as the shop has them: nearly always the right ones."""
    tags = list(facts.tags)
    chance = rng.random()
    if chance < WRONG_SHELF_SHARE:
        others = [category for category in CATEGORY_SHARES if category != facts.family.category]
        return rng.choice(others), []
    if chance < WRONG_SHELF_SHARE + MISSING_TAG_SHARE:
        tags.remove(rng.choice(tags))
    return facts.family.category, tags


def _behaviour(rng: random.Random) -> dict[str, int]:
    """Return how often the product was seen, clicked and bought; shops know it of some products only."""
    if rng.random() < 0.4:
        return {}
    views = int(rng.lognormvariate(5.0, 1.4))
    clicks = sum(rng.random() < 0.07 for _ in range(min(views, 3000)))
    return {"views": views, "clicks": clicks, "purchases": sum(rng.random() < 0.08 for _ in range(clicks))}
