"""What a category or tag is, and which label each word stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict
from pydantic.dataclasses import dataclass

from catalog.language import name_language
from catalog.spelling import fold
from catalog.tree import Parents, TreeError, check_tree, lineage
from product_tagger_files import Notes
from product_tagger_files.errors import RowError
from product_tagger_files.paths import PATH_SEPARATOR, read_category
from steps import ProductTaggerError


class TaxonomyError(ProductTaggerError):
    """A taxonomy can't be used; the message names the place and the mend."""


class LabelError(TaxonomyError):
    """One label can't be used.

    Attributes:
        place: The list of the taxonomy it stands in, and its number there from 0.
    """

    def __init__(self, message: str, place: tuple[str, int]) -> None:
        """Takes the sentence and where the label stands."""
        super().__init__(message)
        self.place = place


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
        parent: For a category, the id of the one above it; None for a root.
    """

    id: str
    names: Annotated[Mapping[str, str], BeforeValidator(_display_names)] = field(default_factory=dict)
    synonyms: Words = ()
    categories: Words = ()
    parent: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Everything a catalogue may write for this label: id, display names, synonyms."""
        return (self.id, *self.names.values(), *self.synonyms)


Labels = Annotated[tuple[Annotated[Label, BeforeValidator(_label)], ...], BeforeValidator(_labels)]


def check_labels(labels: Sequence[Label], places: Sequence[tuple[str, int]], kind: str) -> None:
    """Checks ids and words, and that categories are a tree.

    Args:
        labels: All labels of a kind.
        places: Where each stands.
        kind: "category" or "tag".

    Raises:
        LabelError: An id or name is empty, an id is given twice, a word stands for two labels side by side, or the
            parents make no tree.
    """
    by_id: dict[str, Label] = {}
    for label, place in zip(labels, places, strict=True):
        if not label.id.strip():
            raise LabelError(f"a {kind} has an empty id: give it one", place)
        if not all(name.strip() for name in label.names.values()):
            raise LabelError(f"the {kind} {label.id!r} has an empty name: give it one or leave it out", place)
        if (other := by_id.setdefault(label.id, label)) is not label:
            two = "" if other.parent == label.parent else f", below {other.parent!r} and below {label.parent!r}"
            raise LabelError(f"the {kind} id {label.id!r} is given twice{two}: remove one of the two", place)
    try:
        check_tree({label.id: label.parent for label in labels})
    except TreeError as error:
        raise LabelError(str(error), places[list(by_id).index(error.node)]) from None
    siblings: dict[tuple[str | None, str], str] = {}
    for label, place in zip(labels, places, strict=True):
        for word in _folded(label, kind):
            other_id = siblings.setdefault((label.parent, word), label.id)
            if other_id != label.id:
                clash = f"{word!r} stands for two {kind} ids, {other_id!r} and {label.id!r}: keep it in one"
                raise LabelError(clash, place)


def index_words(labels: Sequence[Label], kind: str) -> dict[str, str]:
    """Folded word → the id that it stands for.

    An id goes before a name. A name that several branches of a tree have stands for none of its nodes; their paths do.
    """
    index: dict[str, str] = {}
    for label in labels:
        index.setdefault(fold(_as_read(label.id, kind)), label.id)
    own, shared = dict(index), set[str]()
    for label in labels:
        for word in _folded(label, kind):
            if index.setdefault(word, label.id) != label.id and word not in own:
                shared.add(word)
    for word in shared:
        del index[word]
    by_id = {label.id: label for label in labels}
    parents = {label.id: label.parent for label in labels}
    for label in labels:
        if label.parent is not None:
            for path in _paths(label, by_id, parents):
                index.setdefault(fold(path), label.id)
    return index


def level_name(label: Label, language: str | None = None) -> str:
    """What a node is called below its parent: the last level where its name is a whole path.

    Args:
        label: The node.
        language: Of the name; where there is none in it, the first name stands for it, or else the id.
    """
    name = label.names.get(language or "") or next(iter(label.names.values()), label.id)
    return name.rpartition(PATH_SEPARATOR)[2]


def _paths(label: Label, by_id: Mapping[str, Label], parents: Parents) -> Iterator[str]:
    nodes = [by_id[node] for node in lineage(label.id, parents)]
    yield PATH_SEPARATOR.join(node.id.rpartition(PATH_SEPARATOR)[2] for node in nodes)
    for language in {language for node in nodes for language in node.names}:
        yield PATH_SEPARATOR.join(level_name(node, language) for node in nodes)


def _folded(label: Label, kind: str) -> set[str]:
    return {fold(_as_read(word, kind)) for word in label.words}


def _as_read(word: str, kind: str) -> str:
    """A category's word as the catalogue's readers give it: `Home>Pans` as `Home > Pans`."""
    if kind != "category":
        return word
    try:
        return read_category(word, Notes()) or word
    except RowError as error:
        raise TaxonomyError(error.detail) from None
