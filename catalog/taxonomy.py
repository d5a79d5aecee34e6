"""Categories and tags: their ids, what they are called, and which tag may go with which category."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from steps import ProductTaggerError


class TaxonomyError(ProductTaggerError):
    """A taxonomy can't be used; the message names the place and the mend."""


@dataclass(frozen=True)
class Label:
    """One category or tag.

    Attributes:
        id: What examples, models and answers carry.
        names: Language → display name.
        synonyms: Other words a catalogue may use for it.
        categories: For a tag, the category ids it may go with; empty for any.
    """

    id: str
    names: Mapping[str, str] = field(default_factory=dict)
    synonyms: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Everything a catalogue may write for this label: id, display names, synonyms."""
        return (self.id, *self.names.values(), *self.synonyms)


@dataclass(frozen=True)
class Taxonomy:
    """The labels a model is trained on; their order is the order of the model's outputs.

    Raises:
        TaxonomyError: An id or word stands for two labels, there is no category, or a tag names an unknown category.
    """

    categories: tuple[Label, ...]
    tags: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        """Checks what the class promises."""
        if not self.categories:
            raise TaxonomyError("the taxonomy has no category: give at least one")
        _index(self.categories, "category")
        _index(self.tags, "tag")
        for tag in self.tags:
            for category in tag.categories:
                if category not in self.category_ids:
                    raise TaxonomyError(
                        f"tag {tag.id!r} names the category {category!r}, which is not in the taxonomy"
                        + hint(category, self.category_ids)
                    )

    @cached_property
    def category_ids(self) -> tuple[str, ...]:
        """Ids in the order of the model's first outputs."""
        return tuple(label.id for label in self.categories)

    @cached_property
    def tag_ids(self) -> tuple[str, ...]:
        """Ids in the order of the model's remaining outputs."""
        return tuple(label.id for label in self.tags)

    @cached_property
    def _category_words(self) -> Mapping[str, str]:
        return _index(self.categories, "category")

    @cached_property
    def _tag_words(self) -> Mapping[str, str]:
        return _index(self.tags, "tag")

    def find_category(self, word: str) -> str | None:
        """Returns the id of the category that an id, display name or synonym stands for; None for an unknown word."""
        return self._category_words.get(fold(word))

    def find_tag(self, word: str) -> str | None:
        """Returns the id of the tag that an id, display name or synonym stands for; None for an unknown word."""
        return self._tag_words.get(fold(word))

    def to_json(self) -> str:
        """Returns the taxonomy as JSON text, as taxonomy.json holds it; `from_json` reads it back."""
        data = {"categories": [_to_dict(label) for label in self.categories], "tags": [_to_dict(t) for t in self.tags]}
        return json.dumps(data, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> Taxonomy:
        """Reads a taxonomy.json.

        Raises:
            TaxonomyError: The file is missing, is not JSON, or holds no usable taxonomy.
        """
        try:
            return cls._from_data(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TaxonomyError) as error:
            raise _wrapped(path, error) from error

    @classmethod
    def from_yaml(cls, path: Path) -> Taxonomy:
        """Reads a taxonomy.yaml: `categories` and `tags`, lists of ids or of `{id, names, synonyms, categories}`.

        Raises:
            TaxonomyError: The file is missing, is not YAML, or holds no usable taxonomy.
        """
        try:
            return cls._from_data(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, yaml.YAMLError, TaxonomyError) as error:
            raise _wrapped(path, error) from error

    @classmethod
    def derive(
        cls,
        categories: Iterable[str],
        tag_counts: Mapping[str, int],
        *,
        min_tag_products: int = 1,
        spellings: Mapping[str, str] | None = None,
    ) -> Taxonomy:
        """Makes a taxonomy from what a training catalogue carries.

        Args:
            categories: The category ids that occur (see `label_id`); those of the default taxonomy bring its names.
            tag_counts: Tag id → number of training products that carry it.
            min_tag_products: A tag that fewer products carry is left out.
            spellings: Id → the catalogue's own spelling, the display name.

        Returns:
            Categories in alphabetical order, tags likewise, so that the same catalogue gives the same model outputs.
        """
        defaults = {label.id: label for label in DEFAULT_TAXONOMY.categories}
        spellings = spellings or {}
        tags = sorted(tag for tag, count in tag_counts.items() if count >= min_tag_products)
        return cls(
            tuple(defaults.get(name) or _named(name, spellings) for name in sorted(set(categories))),
            tuple(_named(name, spellings) for name in tags),
        )

    @classmethod
    def _from_data(cls, data: Any) -> Taxonomy:
        if not isinstance(data, Mapping) or not isinstance(data.get("categories"), Sequence):
            raise TaxonomyError("it needs a list `categories` (and may have a list `tags`)")
        unknown = sorted(str(key) for key in set(data) - {"categories", "tags"})
        if unknown:
            raise TaxonomyError(f"unknown key {unknown[0]!r}{hint(unknown[0], ('categories', 'tags'))}")
        tags = data.get("tags") or ()
        if isinstance(tags, str) or not isinstance(tags, Sequence):
            raise TaxonomyError("`tags` must be a list")
        return cls(
            tuple(_from_dict(entry, f"categories[{i}]") for i, entry in enumerate(data["categories"])),
            tuple(_from_dict(entry, f"tags[{i}]") for i, entry in enumerate(tags)),
        )


def fold(word: str) -> str:
    """Brings a label's spellings together: width, case, and what separates its words don't count."""
    return re.sub(r"[\s_-]+", "-", unicodedata.normalize("NFKC", word).strip().casefold())


def label_id(word: str) -> str:
    """Makes an id of a shop's own word for a category or tag: `Car Parts` → `car-parts`, `材质:纯棉` as it is."""
    return fold(word)


def hint(word: str, known: Iterable[str]) -> str:
    """Returns `; did you mean 'x'?` for the nearest known word, or nothing when none is near."""
    words = list(known)
    near = difflib.get_close_matches(fold(word), words, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _index(labels: Sequence[Label], kind: str) -> dict[str, str]:
    index: dict[str, str] = {}
    seen: set[str] = set()
    for label in labels:
        if not label.id.strip():
            raise TaxonomyError(f"a {kind} has an empty id: give it one")
        if label.id in seen:
            raise TaxonomyError(f"the {kind} id {label.id!r} is given twice: remove one of the two")
        seen.add(label.id)
    for label in labels:
        for word in map(fold, label.words):
            other = index.setdefault(word, label.id)
            if other != label.id:
                raise TaxonomyError(f"{word!r} stands for two {kind} ids, {other!r} and {label.id!r}: keep it in one")
    return index


def _named(name: str, spellings: Mapping[str, str]) -> Label:
    spelling = spellings.get(name, name)
    language = "en" if spelling.isascii() else "zh"
    return Label(name, {language: spelling})


def _to_dict(label: Label) -> dict[str, Any]:
    data: dict[str, Any] = {"id": label.id, "names": dict(label.names), "synonyms": list(label.synonyms)}
    if label.categories:
        data["categories"] = list(label.categories)
    return data


def _from_dict(entry: Any, place: str) -> Label:
    if isinstance(entry, str):
        return Label(entry)
    if not isinstance(entry, Mapping) or not isinstance(entry.get("id"), str):
        raise TaxonomyError(f"{place} must be an id or a mapping with an `id`, not {entry!r}")
    known = ("id", "names", "synonyms", "categories")
    unknown = sorted(str(key) for key in set(entry) - set(known))
    if unknown:
        raise TaxonomyError(f"{place} ({entry['id']}) has an unknown key {unknown[0]!r}{hint(unknown[0], known)}")
    names = entry.get("names") or {}
    if isinstance(names, str):
        names = {"en" if names.isascii() else "zh": names}
    if not isinstance(names, Mapping):
        raise TaxonomyError(f"{place} ({entry['id']}): `names` must be a mapping such as {{en: Dress, zh: 连衣裙}}")
    return Label(
        entry["id"],
        {str(language): str(name) for language, name in names.items()},
        _strings(entry, "synonyms", place),
        _strings(entry, "categories", place),
    )


def _strings(entry: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
    values = entry.get(key) or ()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TaxonomyError(f"{place} ({entry['id']}): `{key}` must be a list, not {values!r}")
    return tuple(str(value) for value in values)


def _wrapped(path: Path, error: Exception) -> TaxonomyError:
    if isinstance(error, FileNotFoundError):
        return TaxonomyError(f"{path} does not exist: give the path of a taxonomy file")
    return TaxonomyError(f"{path} is not a usable taxonomy: {' '.join(str(error).split())}")


DEFAULT_TAXONOMY = Taxonomy(
    tuple(
        Label(name, {"en": english, "zh": chinese}, tuple(synonyms))
        for name, english, chinese, synonyms in (
            ("apparel", "Apparel", "服饰", ("clothing", "clothes", "fashion", "服装", "鞋服")),
            ("beauty", "Beauty", "美妆", ("cosmetics", "beauty & personal care", "美容", "化妆品", "个护美妆")),
            ("electronics", "Electronics", "电子产品", ("consumer electronics", "数码", "电子", "数码电子")),
            ("home", "Home", "家居", ("home & kitchen", "household", "家居用品", "居家")),
            ("food", "Food", "食品", ("grocery", "groceries", "food & drinks", "食品饮料")),
            ("automotive", "Automotive", "汽车", ("auto", "car & motorbike", "汽车用品", "车品")),
        )
    )
)
"""The six categories used where a catalogue has these ids and no taxonomy of its own; without tags."""
