"""The words the demo catalogue is made of, read from the YAML files in `words/`.

A *family* is a group of products of one category that carry the same type tag. Its file entry lists

    types     products of every split: "English names | Chinese names | tags", names separated by " / "; a tag follows
              from what the product is; `+tag` may be stated about it, beside those in `may`, and `-tag` may not
    new       products that training never sees, in the same notation
    may       attribute tags a seller may state about it
    details   selling points that carry no tag: "English | Chinese", or "English | Chinese | products" where only the
              products with these (first) English names have it
    context   where two categories sell the same thing, the words that tell them apart; one of them is always said
    new_details, new_context   the same, of which no training product of the family tells
    decoys    wordings that name a thing or a tag that the product is or has not: "English | Chinese | excluded tags"
    specs     which colours, sizes and measures it comes in
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog.taxonomy import Label, Taxonomy
from steps import ProductTaggerError

WORDS = Path(__file__).parent / "words"
LANGUAGES = ("en", "zh")
ATTRIBUTE_KINDS = ("audience", "material", "style", "use", "season", "feature")

Texts = Mapping[str, tuple[str, ...]]
"""Language → wordings."""

Wordings = Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]
"""Language → wordings, each with the categories it may be used in; none: in any."""


class VocabularyError(ProductTaggerError):
    """A file in `words/` contradicts itself; the message names file and entry."""


@dataclass(frozen=True)
class Thing:
    """What a product is, or one phrase about it, in both languages.

    Attributes:
        names: language → its names or wordings, at least one each.
        tags: for a product, tags that follow from what it is; for a decoy, tags that it rules out.
        may: for a product, attribute tags that may be stated about it beside those of its family.
        never: for a product, attribute tags of its family that may not be stated about it.
        only: for a detail, the first English names of the products that have it; empty for any of the family.
    """

    names: Texts
    tags: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class AttributeTag:
    """A tag that sellers state in words of their own.

    Attributes:
        kind: one of ATTRIBUTE_KINDS.
        before: wordings and the categories they fit (none: any), in front of the product's name.
        after: wordings behind it.
        new_before: like `before`, but never in a training product; `new_after` likewise.
    """

    id: str
    kind: str
    before: Wordings
    after: Wordings
    new_before: Wordings
    new_after: Wordings


@dataclass(frozen=True)
class Family:
    """Products of one category with one type tag; see the module's docstring."""

    category: str
    tag: str
    types: tuple[Thing, ...]
    new: tuple[Thing, ...]
    may: tuple[str, ...]
    details: tuple[Thing, ...]
    new_details: tuple[Thing, ...]
    context: tuple[Thing, ...]
    new_context: tuple[Thing, ...]
    decoys: tuple[Thing, ...]
    specs: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """Everything the generator draws from.

    Attributes:
        families: category id → its families.
        attributes: tag id → attribute tag.
        kinds: tag id → its kind, `type` included; the order of the taxonomy's tags.
        noise: the content of noise.yaml.
        taxonomy: the labels, with the categories each tag may go with.
    """

    families: Mapping[str, tuple[Family, ...]]
    attributes: Mapping[str, AttributeTag]
    kinds: Mapping[str, str]
    noise: Mapping[str, Any]
    taxonomy: Taxonomy


def load_vocabulary(directory: Path = WORDS) -> Vocabulary:
    """Read and check the vocabulary.

    Args:
        directory: where tags.yaml, noise.yaml and one file per category lie.

    Raises:
        VocabularyError: an entry names an unknown tag, lacks a language or is written wrongly.
    """
    tags = _read(directory / "tags.yaml")
    attributes = {
        tag: _attribute(tag, kind, entry, directory / "tags.yaml")
        for kind in ATTRIBUTE_KINDS
        for tag, entry in tags[kind].items()
    }
    kinds = dict.fromkeys(tags["type"], "type") | {tag: attribute.kind for tag, attribute in attributes.items()}
    families = {category: _families(directory / f"{category}.yaml", category, kinds) for category in tags["categories"]}
    return Vocabulary(families, attributes, kinds, _read(directory / "noise.yaml"), _taxonomy(tags, kinds, families))


def _read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return data


def _attribute(tag: str, kind: str, entry: Mapping[str, Any], path: Path) -> AttributeTag:
    def wordings(key: str) -> Wordings:
        texts: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {}
        for language in LANGUAGES:
            parts = [words.partition(" @") for words in _split(entry[key][language], " / ")]
            texts[language] = tuple((words, _split(categories, "+")) for words, _, categories in parts)
            if not any(not categories for _, categories in texts[language]):
                raise VocabularyError(f"{path}: tag {tag!r}, {key}, {language}: no wording fits every category")
        return texts

    return AttributeTag(tag, kind, wordings("before"), wordings("after"), wordings("new_before"), wordings("new_after"))


def _families(path: Path, category: str, kinds: Mapping[str, str]) -> tuple[Family, ...]:
    families = []
    for entry in _read(path)["families"]:
        family = Family(
            category=category,
            tag=entry["tag"],
            types=_things(entry["types"], path),
            new=_things(entry["new"], path),
            may=tuple(entry["may"]),
            details=_things(entry["details"], path, third="only"),
            new_details=_things(entry["new_details"], path, third="only"),
            context=_things(entry.get("context", ()), path),
            new_context=_things(entry.get("new_context", ()), path),
            decoys=_things(entry["decoys"], path),
            specs=tuple(entry["specs"]),
        )
        things = (*family.types, *family.new, *family.decoys)
        for tag in (
            family.tag,
            *family.may,
            *(tag for thing in things for tag in (*thing.tags, *thing.may, *thing.never)),
        ):
            if tag not in kinds:
                raise VocabularyError(f"{path}: family {family.tag!r} names the tag {tag!r}, which tags.yaml lacks")
        products = {thing.names["en"][0] for thing in (*family.types, *family.new)}
        for product in (name for detail in (*family.details, *family.new_details) for name in detail.only):
            if product not in products:
                raise VocabularyError(f"{path}: a detail of {family.tag!r} is for {product!r}, which is no type of it")
        families.append(family)
    return tuple(families)


def _things(entries: Iterable[str], path: Path, third: str = "tags") -> tuple[Thing, ...]:
    things = []
    for entry in entries:
        parts = [part.strip() for part in entry.split("|")]
        if len(parts) not in (2, 3) or not all(parts):
            raise VocabularyError(f"{path}: {entry!r} must read `English | Chinese` or `English | Chinese | {third}`")
        names = {language: _split(part, " / ") for language, part in zip(LANGUAGES, parts, strict=False)}
        last = parts[2] if len(parts) == 3 else ""
        if third == "only":
            things.append(Thing(names, only=_split(last, " / ")))
        else:
            signed: dict[str, list[str]] = {"+": [], "-": [], "": []}
            for tag in _split(last, ","):
                sign = tag[0] if tag[0] in "+-" else ""
                signed[sign].append(tag.removeprefix(sign))
            things.append(Thing(names, tags=tuple(signed[""]), may=tuple(signed["+"]), never=tuple(signed["-"])))
    return tuple(things)


def _split(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _taxonomy(tags: Mapping[str, Any], kinds: Mapping[str, str], families: Mapping[str, Sequence[Family]]) -> Taxonomy:
    def label(identity: str, text: str, categories: tuple[str, ...] = ()) -> Label:
        english, chinese, synonyms = (part.strip() for part in text.split(" | "))
        return Label(identity, {"en": english, "zh": chinese}, _split(synonyms, ","), categories)

    def goes_with(tag: str) -> tuple[str, ...]:
        found = []
        for category, members in families.items():
            for family in members:
                things = (*family.types, *family.new)
                own = (other for thing in things for other in (*thing.tags, *thing.may))
                if tag in (family.tag, *family.may, *own):
                    found.append(category)
                    break
        return tuple(found)

    texts = tags["type"] | {tag: entry["label"] for kind in ATTRIBUTE_KINDS for tag, entry in tags[kind].items()}
    return Taxonomy(
        categories=tuple(label(category, text) for category, text in tags["categories"].items()),
        tags=tuple(label(tag, texts[tag], goes_with(tag)) for tag in kinds),
    )
