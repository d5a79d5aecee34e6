"""The taxonomy of a shop that has written none: the labels of its own training products."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from catalog.language import name_language
from catalog.spelling import fold
from catalog.taxonomy import Label, Taxonomy
from catalog.tree import MOST_LEVELS
from product_tagger_files.paths import PATH_SEPARATOR

Names = Mapping[str, Mapping[str, str]]
"""Label id → language → display name."""

BUILT_IN_NAMES: Names = {
    "apparel": {"en": "Apparel", "zh": "服饰"},
    "automotive": {"en": "Automotive", "zh": "汽车"},
    "beauty": {"en": "Beauty", "zh": "美妆"},
    "electronics": {"en": "Electronics", "zh": "电子产品"},
    "food": {"en": "Food", "zh": "食品"},
    "home": {"en": "Home", "zh": "家居"},
}
"""What six usual categories are called, beside the shop's own word."""


def derive_taxonomy(
    categories: Iterable[str],
    tag_counts: Mapping[str, int],
    *,
    min_tag_products: int = 1,
    category_names: Names | None = None,
    tag_names: Names | None = None,
) -> Taxonomy:
    """Makes a taxonomy of what a training catalogue carries.

    Only names are added to what the shop wrote, no synonyms. A name that is the shop's word for another label is left
    out: a shop with `apparel` and `服饰` has two categories.

    Args:
        categories: The category ids that occur (see `label_id`).
        tag_counts: Tag id → number of training products that carry it.
        min_tag_products: A tag that fewer products carry is left out.
        category_names: The shop's own spellings, which are the display names; an id without one stands for itself.
        tag_names: The same of the tags.

    Returns:
        Categories in alphabetical order, tags likewise, so that the same catalogue gives the same model outputs.
        Paths are a tree; levels that no product has alone are its further nodes.
    """
    tags = [tag for tag, count in tag_counts.items() if count >= min_tag_products]
    own = set(categories)
    parents = _parents(own)
    names = dict(category_names or {})
    for category in own:
        for node, its_names in _names_above(category, names.get(category, {})):
            names.setdefault(node, its_names)
    # Names of the categories first: what a further node is called leaves theirs as they are.
    labels = _labels(own, names, BUILT_IN_NAMES)
    nodes = _labels(parents.keys() - own, names, BUILT_IN_NAMES, labels)
    placed = [tuple(replace(label, parent=parents.get(label.id)) for label in found) for found in (labels, nodes)]
    return Taxonomy(placed[0], _labels(tags, tag_names or {}, {}), placed[1])


def _parents(categories: Iterable[str]) -> dict[str, str | None]:
    """Each category that is a path, and each level above it → the level above that."""
    parents: dict[str, str | None] = {}
    for category in categories:
        levels = category.split(PATH_SEPARATOR)
        for end in range(len(levels), 0, -1) if 1 < len(levels) <= MOST_LEVELS else ():
            above = PATH_SEPARATOR.join(levels[: end - 1])
            parents[PATH_SEPARATOR.join(levels[:end])] = above or None
    return parents


def _names_above(category: str, names: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The levels above a path, each with its part of the path's names."""
    levels = category.split(PATH_SEPARATOR)
    for end in range(1, len(levels)):
        spelled = {language: name.split(PATH_SEPARATOR) for language, name in names.items()}
        parts = {lang: PATH_SEPARATOR.join(name[:end]) for lang, name in spelled.items() if len(name) == len(levels)}
        yield PATH_SEPARATOR.join(levels[:end]), parts


def _labels(ids: Iterable[str], names: Names, more: Names, beside: Iterable[Label] = ()) -> tuple[Label, ...]:
    unique = sorted(set(ids))
    taken = {fold(word): label.id for label in beside for word in label.words}
    taken |= {fold(label): label for label in unique}
    labels = []
    for label in unique:
        own = names.get(label) or {name_language(label): label}
        both = {**own, **more.get(label, {})}
        free = {lang: name for lang, name in both.items() if taken.setdefault(fold(name), label) == label}
        labels.append(Label(label, free))
    return tuple(labels)
