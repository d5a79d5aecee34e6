"""The taxonomy of a shop that has written none: the labels of its own training products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catalog.language import name_language
from catalog.spelling import fold
from catalog.taxonomy import Label, Taxonomy

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
    """
    tags = [tag for tag, count in tag_counts.items() if count >= min_tag_products]
    return Taxonomy(_labels(categories, category_names or {}, BUILT_IN_NAMES), _labels(tags, tag_names or {}, {}))


def _labels(ids: Iterable[str], names: Names, more: Names) -> tuple[Label, ...]:
    unique = sorted(set(ids))
    taken = {fold(label): label for label in unique}
    labels = []
    for label in unique:
        own = names.get(label) or {name_language(label): label}
        both = {**own, **more.get(label, {})}
        free = {lang: name for lang, name in both.items() if taken.setdefault(fold(name), label) == label}
        labels.append(Label(label, free))
    return tuple(labels)
