"""Categories and tags: their ids, what they are called, and which tag may go with which category."""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from catalog.heads import Labelled, Layout, Targets, UnknownLabel
from steps import ProductTaggerError


class TaxonomyError(ProductTaggerError):
    """A taxonomy can't be used; the message names the place and the mend."""


def _display_names(names: Any) -> Any:
    """A single display name stands for one in its own language."""
    if isinstance(names, str) and names:
        return {_language(names): names}
    return {str(language): str(name) for language, name in names.items()} if isinstance(names, Mapping) else names or {}


def _words(values: Any) -> Any:
    """YAML reads words such as 2024 as numbers."""
    return tuple(map(str, values)) if isinstance(values, list | tuple) else values or ()


def _label(entry: Any) -> Any:
    """A lone id stands for a label without names."""
    return {"id": entry} if isinstance(entry, str) else entry


def _labels(entries: Any) -> Any:
    """YAML reads a key without a value as nothing, which is an empty list."""
    return () if entries is None else entries


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Label:
    """One category or tag.

    Attributes:
        id: What examples, models and answers carry.
        names: Language → display name.
        synonyms: Other words a catalogue may use for it.
        categories: For a tag, the category ids it may go with; empty for any.
    """

    id: str
    names: Annotated[Mapping[str, str], BeforeValidator(_display_names)] = field(default_factory=dict)
    synonyms: Words = ()
    categories: Words = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Everything a catalogue may write for this label: id, display names, synonyms."""
        return (self.id, *self.names.values(), *self.synonyms)


Labels = Annotated[tuple[Annotated[Label, BeforeValidator(_label)], ...], BeforeValidator(_labels)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Taxonomy:
    """The labels a model is trained on; their order is the order of the model's outputs.

    Raises:
        TaxonomyError: An id or word stands for two labels, there is no category, or a tag names an unknown category.
    """

    categories: Labels
    tags: Labels = ()

    def __post_init__(self) -> None:
        """Checks what the class promises."""
        if not self.categories:
            raise TaxonomyError("the taxonomy has no category: give at least one")
        _index(self.categories, "category")
        _index(self.tags, "tag")
        known = set(self.category_ids)
        for tag in self.tags:
            for category in tag.categories:
                if category not in known:
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

    @cached_property
    def data(self) -> dict[str, Any]:
        """What taxonomy.json holds."""
        return {"categories": [_to_dict(label) for label in self.categories], "tags": [_to_dict(t) for t in self.tags]}

    @cached_property
    def layout(self) -> Layout:
        """The columns of a model with these labels."""
        return Layout.of(self.data)

    def encode(self, examples: Sequence[Labelled]) -> Targets:
        """Turns the labels of prepared examples into targets; see `Layout.encode`.

        Raises:
            TaxonomyError: The taxonomy does not list an example's category.
        """
        try:
            return self.layout.encode(examples)
        except UnknownLabel as error:
            raise TaxonomyError(
                f"{error}: one of the two was changed after `python -m catalog prepare`. Run it again"
            ) from None

    def to_json(self) -> str:
        """Returns the taxonomy as JSON text, as taxonomy.json holds it; `from_json` reads it back."""
        return json.dumps(self.data, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> Taxonomy:
        """Reads a taxonomy.json.

        Raises:
            TaxonomyError: The file is missing, is not JSON, or holds no usable taxonomy.
        """
        return _read(path, json.loads)

    @classmethod
    def from_yaml(cls, path: Path) -> Taxonomy:
        """Reads a taxonomy.yaml: `categories` and `tags`, lists of ids or of `{id, names, synonyms, categories}`.

        Raises:
            TaxonomyError: The file is missing, is not YAML, or holds no usable taxonomy.
        """
        return _read(path, yaml.safe_load)

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
    return Label(name, {_language(spelling): spelling})


def _to_dict(label: Label) -> dict[str, Any]:
    data: dict[str, Any] = {"id": label.id, "names": dict(label.names), "synonyms": list(label.synonyms)}
    if label.categories:
        data["categories"] = list(label.categories)
    return data


def _language(name: str) -> str:
    return "en" if name.isascii() else "zh"


def _read(path: Path, parse: Callable[[str], Any]) -> Taxonomy:
    """The taxonomy in a file.

    Raises:
        TaxonomyError: The file is missing, can't be parsed, or holds no usable taxonomy.
    """
    data: Any = None
    try:
        data = parse(path.read_text(encoding="utf-8"))
        return TypeAdapter(Taxonomy).validate_python(data if isinstance(data, Mapping) else {})
    except FileNotFoundError:
        raise TaxonomyError(f"{path} does not exist: give the path of a taxonomy file") from None
    except ValidationError as error:
        cause = _sentence(error.errors()[0], data)
    except (OSError, ValueError, yaml.YAMLError, TaxonomyError) as error:
        cause = " ".join(str(error).split())
    raise TaxonomyError(f"{path} is not a usable taxonomy: {cause}")


_UNKNOWN = ("unexpected_keyword_argument", "invalid_key")
"""What pydantic calls a key that is none of the class's."""


def _sentence(error: Any, data: Any) -> str:
    """One mistake that pydantic found, for a person."""
    place = list(error["loc"])
    kind, *rest = place
    if not rest:
        if error["type"] in _UNKNOWN:
            return f"unknown key {str(kind)!r}{hint(str(kind), ('categories', 'tags'))}"
        if kind == "categories":
            return "it needs a list `categories` (and may have a list `tags`)"
        return f"`{kind}` must be a list, not {error['input']!r}"
    entry = data[kind][rest[0]]
    where = f"{kind}[{rest[0]}]"
    if len(rest) == 1 or rest[1] == "id":
        return f"{where} must be an id or a mapping with an `id`, not {entry!r}"
    where, key = f"{where} ({entry.get('id')})", str(rest[1])
    if error["type"] in _UNKNOWN:
        return f"{where} has an unknown key {key!r}{hint(key, ('id', 'names', 'synonyms', 'categories'))}"
    if key == "names":
        return f"{where}: `names` must be a mapping such as {{en: Dress, zh: 连衣裙}}, not {entry[key]!r}"
    return f"{where}: `{key}` must be a list, not {entry[key]!r}"


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
