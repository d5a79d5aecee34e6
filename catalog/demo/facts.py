"""Draws what is true of a product, and what its seller says about it, before any of it is put into words.

Labels are decided here: the type tag of the family, the tags that follow from the type, and one tag for each attribute
the seller states. Everything else in a title (decoys, gifts, colours named after other things) leaves them alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from catalog.demo.vocabulary import LANGUAGES, AttributeTag, Family, Thing, Vocabulary

CATEGORY_SHARES = {"apparel": 22, "electronics": 19, "home": 19, "beauty": 15, "food": 13, "automotive": 12}
STATED_ATTRIBUTES = {0: 12, 1: 33, 2: 33, 3: 16, 4: 6}
"""Number of attribute tags a seller states → how often, in percent."""


@dataclass(frozen=True)
class SplitPlan:
    """What is particular to one split.

    Attributes:
        name: of the split.
        products: how many.
        new_types: share of products whose type training never sees.
        new_wordings: share of attribute statements in a wording that training never sees.
        new_brands: share of brands that training never sees.
        new_details: share of selling points that no training product of the family has; twice that for unseen types.
        types_from: which of a family's new types belong to this split.
    """

    name: str
    products: int
    new_types: float = 0.0
    new_wordings: float = 0.0
    new_brands: float = 0.0
    new_details: float = 0.0
    types_from: slice = field(default_factory=lambda: slice(0, 0))


PLANS = (
    SplitPlan("train", 9600),
    SplitPlan(
        "validation", 1200, new_types=0.08, new_wordings=0.1, new_brands=0.3, new_details=0.15, types_from=slice(0, 1)
    ),
    SplitPlan(
        "test", 1800, new_types=0.38, new_wordings=0.2, new_brands=0.6, new_details=0.35, types_from=slice(1, None)
    ),
)


@dataclass(frozen=True)
class Statement:
    """An attribute tag in the seller's words; `in_front` tells which side of the product's name they stand on."""

    attribute: AttributeTag
    words: str
    in_front: bool


@dataclass(frozen=True)
class Facts:
    """One product before it is written down.

    Attributes:
        names: two names of the product, often equal; sellers like to repeat themselves.
        statements: the attributes the seller states, each with its tag.
        extras: selling points, context and decoys, which carry no tag.
        spec: size, volume and the like; empty where there is none.
    """

    lang: str
    family: Family
    names: tuple[str, str]
    brand: str
    model: str
    statements: tuple[Statement, ...]
    extras: tuple[str, ...]
    colour: str
    spec: str
    tags: tuple[str, ...]


class Brands:
    """Invented brand names: those of training, most of them at home in one category, and those of the other splits."""

    def __init__(self, vocabulary: Vocabulary, rng: random.Random, known: int = 40, new: int = 60) -> None:
        """Invent them.

        Args:
            vocabulary: holds the syllables and words.
            rng: the source of chance.
            known: brands a category and language that training sees.
            new: brands a language that it does not.
        """
        self._parts = vocabulary.noise["brands"]
        self._taken: set[str] = set()
        self._known = {
            (language, category): [self._invent(language, rng) for _ in range(known)]
            for language in LANGUAGES
            for category in vocabulary.families
        }
        self._new = {language: [self._invent(language, rng) for _ in range(new)] for language in LANGUAGES}

    def pick(self, lang: str, category: str, plan: SplitPlan, rng: random.Random) -> str:
        """Return a brand for a product of this split."""
        if rng.random() < plan.new_brands:
            return rng.choice(self._new[lang])
        if rng.random() < 0.2:
            category = rng.choice(list(CATEGORY_SHARES))
        return rng.choice(self._known[lang, category])

    def _invent(self, lang: str, rng: random.Random) -> str:
        parts = self._parts
        while True:
            if lang == "zh" and rng.random() < 0.7:
                middle = rng.choice(("", rng.choice(parts["zh_first"])))
                name = f"{rng.choice(parts['zh_first'])}{middle}{rng.choice(parts['zh_last'])}"
            elif rng.random() < 0.6:
                name = f"{rng.choice(parts['en_first'])}{rng.choice(parts['en_last'])}"
            else:
                name = f"{rng.choice(parts['en_words_first'])} {rng.choice(parts['en_words_last'])}"
            if rng.random() < 0.25 and name.isascii():
                name = name.upper()
            if name.casefold() not in self._taken:
                self._taken.add(name.casefold())
                return name


def draw(vocabulary: Vocabulary, brands: Brands, plan: SplitPlan, lang: str, rng: random.Random) -> Facts:
    """Draw one product of a split in one language."""
    category = rng.choices(list(CATEGORY_SHARES), list(CATEGORY_SHARES.values()))[0]
    family = rng.choice(vocabulary.families[category])
    pool = family.types
    if rng.random() < plan.new_types:
        pool = family.new[plan.types_from] or family.new
    thing = rng.choice(pool)
    names = (rng.choice(thing.names[lang]), rng.choice(thing.names[lang]))

    extras, ruled_out = _extras(vocabulary, family, thing, plan, lang, rng)
    extras = [extra for extra in extras if not set(ruled_out.get(extra, ())) & set(thing.tags)]
    excluded = {tag for extra in extras for tag in ruled_out.get(extra, ())} | set(thing.never)
    statements = _statements(vocabulary, family, thing, excluded, plan, lang, rng)
    tags = dict.fromkeys((family.tag, *thing.tags, *(statement.attribute.id for statement in statements)))

    return Facts(
        lang=lang,
        family=family,
        names=names,
        brand=brands.pick(lang, category, plan, rng) if rng.random() < 0.85 else "",
        model=_model(rng) if rng.random() < (0.6 if "model" in family.specs else 0.06) else "",
        statements=statements,
        extras=tuple(extras),
        colour=_colour(vocabulary, family, lang, rng),
        spec=_spec(vocabulary, family, lang, rng),
        tags=tuple(tags),
    )


def _extras(
    vocabulary: Vocabulary, family: Family, thing: Thing, plan: SplitPlan, lang: str, rng: random.Random
) -> tuple[list[str], dict[str, Sequence[str]]]:
    """Return phrases without a tag, and for those that are decoys the tags they rule out."""
    noise = vocabulary.noise
    new_details = plan.new_details * (1 if thing in family.types else 2)
    extras: list[str] = []
    for _ in range(rng.choices((0, 1, 2, 3), (20, 36, 32, 12))[0]):
        pool = family.new_details if rng.random() < new_details else family.details
        fitting = [detail for detail in pool if not detail.only or thing.names["en"][0] in detail.only]
        if fitting:
            extras.append(rng.choice(rng.choice(fitting).names[lang]))
    extras = list(dict.fromkeys(extras))
    if family.context:
        pool = family.new_context if rng.random() < new_details else family.context
        extras.insert(0, rng.choice(rng.choice(pool).names[lang]))
    ruled_out: dict[str, Sequence[str]] = {}
    if rng.random() < 0.2:
        decoy = rng.choice(family.decoys)
        words = rng.choice(decoy.names[lang])
        ruled_out[words] = decoy.tags
        extras.append(words)
    # A gift, or another thing to go with it: the name of a product that this one is not.
    for key, share in (("free_with", 0.13), ("goes_with", 0.11)):
        if rng.random() < share:
            extras.append(rng.choice(noise[key][lang]).format(_other_name(vocabulary, lang, rng)))
    return extras, ruled_out


def _other_name(vocabulary: Vocabulary, lang: str, rng: random.Random) -> str:
    family = rng.choice(vocabulary.families[rng.choice(list(CATEGORY_SHARES))])
    return rng.choice(rng.choice(family.types).names[lang])


def _statements(
    vocabulary: Vocabulary,
    family: Family,
    thing: Thing,
    excluded: set[str],
    plan: SplitPlan,
    lang: str,
    rng: random.Random,
) -> tuple[Statement, ...]:
    """Draw the stated attributes: one of a kind, two features at most, none that contradicts type or decoys."""
    room = {"feature": 2}
    for tag in thing.tags:
        room[vocabulary.kinds[tag]] = room.get(vocabulary.kinds[tag], 1) - 1
    statements: list[Statement] = []
    wanted = rng.choices(list(STATED_ATTRIBUTES), list(STATED_ATTRIBUTES.values()))[0]
    may = tuple(dict.fromkeys((*family.may, *thing.may)))
    for tag in rng.sample(may, len(may)):
        attribute = vocabulary.attributes[tag]
        if len(statements) == wanted:
            break
        if tag in excluded or tag in thing.tags or room.get(attribute.kind, 1) < 1:
            continue
        room[attribute.kind] = room.get(attribute.kind, 1) - 1
        in_front = rng.random() < 0.6
        new = rng.random() < plan.new_wordings
        if new:
            wordings = attribute.new_before if in_front else attribute.new_after
        else:
            wordings = attribute.before if in_front else attribute.after
        fitting = [words for words, where in wordings[lang] if not where or family.category in where]
        statements.append(Statement(attribute, rng.choice(fitting), in_front))
    return tuple(statements)


def _model(rng: random.Random) -> str:
    letters = "".join(rng.choices("ABDEGHKLMNPRSTVXZ", k=rng.choice((1, 2, 2, 3))))
    number = rng.choice((rng.randint(1, 99), rng.randint(100, 999), rng.randint(1000, 9900)))
    return f"{letters}{rng.choice(('', '-', ' ' if len(letters) > 1 else ''))}{number}" + rng.choice(
        ("", "", "", " Pro")
    )


def _colour(vocabulary: Vocabulary, family: Family, lang: str, rng: random.Random) -> str:
    if "colour" not in family.specs or rng.random() > 0.6:
        return ""
    return str(rng.choice(vocabulary.noise["colours"][lang]))


def _spec(vocabulary: Vocabulary, family: Family, lang: str, rng: random.Random) -> str:
    kinds = [kind for kind in family.specs if kind not in ("colour", "model")]
    if not kinds or rng.random() > 0.6:
        return ""
    return str(rng.choice(vocabulary.noise["specs"][rng.choice(kinds)][lang]))
