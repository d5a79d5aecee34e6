"""Categories and tags: their ids, what they are called, and which tag may go with which category."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from catalog.heads import Labelled, Layout, Targets, UnknownLabel
from catalog.labels import Label, LabelError, Labels, TaxonomyError, check_labels, index_words, level_name
from catalog.spelling import fold, hint
from catalog.tree import lineage
from product_tagger_files import path_readings

__all__ = ["Label", "LabelError", "Taxonomy", "TaxonomyError"]

_LISTS = ("categories", "nodes", "tags")
Lines = Mapping[tuple[str, int], int]
"""A label's list and number there → its line in the file, from 1."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Taxonomy:
    """The labels a model is trained on; their order is the order of the model's outputs.

    Categories may be nodes of a tree: each may name its parent, which is a category too or one of `nodes`.

    Attributes:
        categories: What the model can answer.
        tags: Its tags.
        nodes: Further nodes of the tree, which no training product has.

    Raises:
        TaxonomyError: An id or word stands for two labels, there is no category, the parents make no tree, or a tag
            names an unknown category.
    """

    categories: Labels
    tags: Labels = ()
    nodes: Labels = ()

    def __post_init__(self) -> None:
        """Checks what the class promises."""
        if not self.categories:
            raise TaxonomyError("the taxonomy has no category: give at least one")
        places = [(key, number) for key in _LISTS for number in range(len(getattr(self, key)))]
        inner = len(places) - len(self.tags)
        check_labels(self.tree, places[:inner], "category")
        for number, tag in enumerate(self.tags):
            if tag.parent is not None:
                raise LabelError(f"tag {tag.id!r} has a parent; only categories have one", ("tags", number))
        check_labels(self.tags, places[inner:], "tag")
        known = {label.id: None for label in self.tree}
        for number, tag in enumerate(self.tags):
            for category in tag.categories:
                if category not in known:
                    sentence = f"tag {tag.id!r} names the category {category!r}, which is not in the taxonomy"
                    raise LabelError(sentence + hint(category, known), ("tags", number))

    @cached_property
    def tree(self) -> tuple[Label, ...]:
        """All categories: those that the model can answer, and the further nodes."""
        return (*self.categories, *self.nodes)

    @cached_property
    def parents(self) -> Mapping[str, str | None]:
        """Category id → its parent's id; None for a root."""
        return {label.id: label.parent for label in self.tree}

    @cached_property
    def is_flat(self) -> bool:
        """Whether no category has a parent."""
        return not any(self.parents.values())

    @cached_property
    def _by_id(self) -> Mapping[str, Label]:
        return {label.id: label for label in self.tree}

    def path(self, category: str, language: str | None = None) -> tuple[str, ...]:
        """What the nodes from a root down to a category are called.

        Args:
            category: Its id.
            language: Of the names; a node without one in it has its first name, or else its id.

        Raises:
            KeyError: There is no such category.
        """
        return tuple(level_name(self._by_id[node], language) for node in lineage(category, self.parents))

    def kept_to(self, categories: Container[str]) -> Taxonomy:
        """The taxonomy of a model that answers only some of the categories; the others become further nodes.

        A tag that may go with a category may go with those below it. A flat taxonomy stays as it is.

        Args:
            categories: Ids of those that products have.
        """
        if self.is_flat:
            return self
        kept = tuple(label for label in self.tree if label.id in categories)
        others = tuple(label for label in self.tree if label.id not in categories)
        above = {label.id: set(lineage(label.id, self.parents)) for label in self.tree}
        tags = tuple(
            replace(tag, categories=tuple(c for c in self.parents if not above[c].isdisjoint(tag.categories)))
            if tag.categories
            else tag
            for tag in self.tags
        )
        return Taxonomy(kept, tags, others)

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
        return index_words(self.tree, "category")

    @cached_property
    def _tag_words(self) -> Mapping[str, str]:
        return index_words(self.tags, "tag")

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
        data = {"categories": [_to_dict(label) for label in self.categories], "tags": [_to_dict(t) for t in self.tags]}
        return {**data, "nodes": [_to_dict(label) for label in self.nodes]} if self.nodes else data

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
        return _read(path, json.loads, None)

    @classmethod
    def from_yaml(cls, path: Path) -> Taxonomy:
        """Reads a taxonomy.yaml: `categories` and `tags`, lists of ids or of `{id, names, synonyms, categories}`.

        A category may have a `parent`, another's id.

        Raises:
            TaxonomyError: The file is missing, is not YAML, or holds no usable taxonomy.
        """
        return _read(path, yaml.safe_load, _lines)


def _to_dict(label: Label) -> dict[str, Any]:
    data: dict[str, Any] = {"id": label.id, "names": dict(label.names), "synonyms": list(label.synonyms)}
    if label.categories:
        data["categories"] = list(label.categories)
    if label.parent is not None:
        data["parent"] = label.parent
    return data


def _read(path: Path, parse: Callable[[str], Any], lines: Callable[[str], Lines] | None) -> Taxonomy:
    """The taxonomy in a file.

    Raises:
        TaxonomyError: The file is missing, can't be parsed, or holds no usable taxonomy.
    """
    data, text = None, ""
    place: tuple[str, int] | None = None
    try:
        text = path.read_text(encoding="utf-8")
        data = parse(text)
        return TypeAdapter(Taxonomy).validate_python(data if isinstance(data, Mapping) else {})
    except FileNotFoundError:
        raise TaxonomyError(f"{path} does not exist: give the path of a taxonomy file") from None
    except ValidationError as error:
        first = error.errors()[0]
        cause, place = _sentence(first, data), (str(first["loc"][0]), int(first["loc"][1]) if first["loc"][1:] else -1)
    except LabelError as error:
        cause, place = str(error), error.place
    except (OSError, ValueError, yaml.YAMLError, TaxonomyError) as error:
        cause = " ".join(str(error).split())
    line = lines(text).get(place) if lines and place else None
    raise TaxonomyError(f"{path}{f':{line}' if line else ''} is not a usable taxonomy: {cause}")


def _lines(text: str) -> Lines:
    """Where the labels of a YAML file stand."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return {
        (key.value, number): entry.start_mark.line + 1
        for key, value in (root.value if isinstance(root, yaml.MappingNode) else ())
        if isinstance(value, yaml.SequenceNode)
        for number, entry in enumerate(value.value)
    }


_UNKNOWN = ("unexpected_keyword_argument", "invalid_key")
"""What pydantic calls a key that is none of the class's."""


def _sentence(error: Any, data: Any) -> str:
    """One mistake that pydantic found, for a person."""
    place = list(error["loc"])
    kind, *rest = place
    if not rest:
        if error["type"] in _UNKNOWN:
            return f"unknown key {str(kind)!r}{hint(str(kind), ('categories', 'tags', 'nodes'))}"
        if kind == "categories":
            return "it needs a list `categories` (and may have a list `tags`)"
        return f"`{kind}` must be a list, not {error['input']!r}"
    entry = data[kind][rest[0]]
    where = f"{kind}[{rest[0]}]"
    if len(rest) == 1 or rest[1] == "id":
        return f"{where} must be an id or a mapping with an `id`, not {entry!r}"
    where, key = f"{where} ({entry.get('id')})", str(rest[1])
    if error["type"] in _UNKNOWN:
        return f"{where} has an unknown key {key!r}{hint(key, ('id', 'names', 'synonyms', 'categories', 'parent'))}"
    if key == "names":
        return f"{where}: `names` must be a mapping such as {{en: Dress, zh: 连衣裙}}, not {entry[key]!r}"
    if key == "parent":
        return f"{where}: `parent` must be the id of one category, not {entry[key]!r}"
    return f"{where}: `{key}` must be a list, not {entry[key]!r}"
