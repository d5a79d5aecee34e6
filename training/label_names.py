"""What the categories are called, as training texts of their own: each name is a text of its category.

A category's name says what belongs there, and where it has one product, as much as that product. The head, the n-gram
table and fine-tuning learn it like a product's text. The texts are kept with the encoders (`course`), so that a
better spelling of a display name trains nothing anew. The gain: docs/experiments/label-names.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from transformers import PreTrainedTokenizerBase

from catalog.cleaning import clean_text
from catalog.labels import Label
from catalog.prepared import Example
from catalog.taxonomy import Taxonomy
from catalog.tree import lineage
from training.data import EncodedExamples

MOST_TEXTS = 8
"""Of one category: a list of synonyms must not outweigh its products."""


def with_names(
    products: EncodedExamples, names: Iterable[Example], taxonomy: Taxonomy, tokenizer: PreTrainedTokenizerBase
) -> EncodedExamples:
    """Return training products, and behind them the texts of their categories' names.

    Args:
        products: at least one.
        names: made by `name_examples`.
        taxonomy: numbers their labels.
        tokenizer: that of the products.
    """
    encoded = EncodedExamples(names, taxonomy, tokenizer)
    encoded.labels = encoded.labels.without_tags()
    return products.followed_by(encoded)


def name_examples(taxonomy: Taxonomy) -> Iterator[Example]:
    """Yield texts of each category: its path in each language, and its synonyms below the path of its parent.

    Which tags would go with such a text is not known (`training.data.Labels.tags_known`).

    Args:
        taxonomy: its categories may have parents; at most `MOST_TEXTS` texts each.
    """
    by_id = {label.id: label for label in taxonomy.tree}
    for category in taxonomy.categories:
        above = [by_id[node] for node in lineage(category.id, taxonomy.parents)[:-1]]
        texts = dict(_texts(category, above, taxonomy))
        for number, (text, language) in enumerate(list(texts.items())[:MOST_TEXTS]):
            yield Example(f"name-{number}-{category.id}", language, text, category.id)


def _texts(category: Label, above: list[Label], taxonomy: Taxonomy) -> Iterator[tuple[str, str]]:
    """Cleaned texts and their languages."""
    languages = list(category.names) or [""]
    for language in languages:
        yield _clean(" ".join(taxonomy.path(category.id, language))), language
    parent = taxonomy.path(above[-1].id, languages[0]) if above else ()
    for synonym in category.synonyms:
        yield _clean(" ".join((*parent, synonym))), languages[0]


def _clean(text: str) -> str:
    """As products' texts are; a name of nothing but what is removed there stays."""
    return clean_text(text) or " ".join(text.split())
