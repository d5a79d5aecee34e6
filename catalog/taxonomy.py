"""Categories and tags: their ids, what they are called, and which tag may go with which category."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from catalog.heads import Labelled, Layout, Targets, UnknownLabel
from catalog.language import name_language
from catalog.spelling import fold, hint
from product_tagger_files import Notes, path_readings
from product_tagger_files.errors import RowError
from product_tagger_files.paths import read_category
from steps import ProductTaggerError


class TaxonomyError(ProductTaggerError):
    """A taxonomy can't be used; the message names the place and the mend."""


def _display_names(names: Any) -> Any:
    """A single display name stands for one in its own language."""
    if isinstance(names, str) and names:
        return {name_language(names): names}
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
        """Returns the id of the category that an id, display name or synonym stands for; None for an unknown word.

        A path may be written in another notation: `Home/Pans` where the taxonomy has `Home > Pans`.
        """
        words = self._category_words
        return next(filter(None, (words.get(fold(reading)) for reading in (word, *path_readings(word)))), None)

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
        for word in (fold(_as_read(word, kind)) for word in label.words):
            other = index.setdefault(word, label.id)
            if other != label.id:
                raise TaxonomyError(f"{word!r} stands for two {kind} ids, {other!r} and {label.id!r}: keep it in one")
    return index


def _as_read(word: str, kind: str) -> str:
    """A category's word as the catalogue's readers give it: `Home>Pans` as `Home > Pans`."""
    if kind != "category":
        return word
    try:
        return read_category(word, Notes()) or word
    except RowError as error:
        raise TaxonomyError(error.detail) from None


def _to_dict(label: Label) -> dict[str, Any]:
    data: dict[str, Any] = {"id": label.id, "names": dict(label.names), "synonyms": list(label.synonyms)}
    if label.categories:
        data["categories"] = list(label.categories)
    return data


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
