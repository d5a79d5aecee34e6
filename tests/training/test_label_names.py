"""Names of categories as training texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from catalog.labels import Label
from catalog.prepared import Example
from catalog.taxonomy import Taxonomy
from tests.training.conftest import quick_settings
from training.base import resolve_base
from training.data import EncodedExamples, LengthGroupedSampler
from training.fine_tuning import build_model
from training.frozen import fit_frozen_head
from training.inference import predict_logits
from training.label_names import MOST_TEXTS, name_examples, with_names

TREE = Taxonomy(
    categories=(
        Label("pans", {"en": "Pans", "de": "Pfannen"}, synonyms=("skillets",), parent="kitchen"),
        Label("tea", parent="food"),
    ),
    tags=(Label("steel"),),
    nodes=(Label("kitchen", {"en": "Kitchen"}), Label("food", {"en": "Food & Drink"})),
)


def texts(taxonomy: Taxonomy) -> list[tuple[str, str, str]]:
    return [(example.category, example.lang, example.text) for example in name_examples(taxonomy)]


def test_a_category_is_learnt_by_its_path_in_each_language_and_by_its_synonyms() -> None:
    assert texts(TREE) == [
        ("pans", "en", "Kitchen Pans"),
        ("pans", "de", "Kitchen Pfannen"),
        ("pans", "en", "Kitchen skillets"),
        ("tea", "", "Food & Drink tea"),
    ]


def test_a_long_list_of_synonyms_does_not_outweigh_the_products() -> None:
    many = Label("pans", synonyms=tuple(f"pan {number}" for number in range(100)))
    assert len(texts(Taxonomy((many,)))) == MOST_TEXTS


def test_a_name_of_nothing_but_an_advertisement_is_a_text_all_the_same() -> None:
    assert texts(Taxonomy((Label("sale", {"en": "$9.99"}),))) == [("sale", "en", "$9.99")]


def test_a_name_says_nothing_of_the_tags(tiny_base: Path) -> None:
    tokenizer = resolve_base("tiny", 32, str(tiny_base)).tokenizer(32)
    products = EncodedExamples([Example("1", "en", "steel pan", "pans", ("steel",))], TREE, tokenizer)
    both = with_names(products, name_examples(TREE), TREE, tokenizer)
    assert both.labels.category.tolist() == [0, 0, 0, 0, 1]
    assert both.labels.tag_weight.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert both.labels.weight.tolist() == [1.0] * 5
    assert np.array_equal(both.token_ids(0), products.token_ids(0)) and len(both.token_ids(4)) > 2
    assert len(products) == 1


def test_a_category_with_one_product_of_other_words_is_known_by_its_name(tiny_base: Path, tmp_path: Path) -> None:
    base = resolve_base("tiny", 32, str(tiny_base))
    tokenizer = base.tokenizer(32)
    taxonomy = Taxonomy((Label("a", {"en": "phone case"}), Label("b", {"en": "cotton dress"})))
    products = EncodedExamples(
        [Example("1", "en", "red shoes", "a"), Example("2", "en", "blue shoes", "b")], taxonomy, tokenizer
    )
    asked = EncodedExamples(
        [Example("3", "en", "phone case", "a"), Example("4", "en", "cotton dress", "b")], taxonomy, tokenizer
    )
    model = build_model(quick_settings(tmp_path, tiny_base).training, base, taxonomy, products)
    fit_frozen_head(model, with_names(products, name_examples(taxonomy), taxonomy, tokenizer), taxonomy, 0)
    assert predict_logits(model, asked, 0).argmax(axis=1).tolist() == [0, 1]


def test_names_are_spread_over_the_batches_of_products(tiny_base: Path) -> None:
    """Sorted by their own length they would be the last batch of every epoch, by themselves."""
    tokenizer = resolve_base("tiny", 32, str(tiny_base)).tokenizer(32)
    taxonomy = Taxonomy(tuple(Label(f"c{number}") for number in range(8)))
    rows = [Example(str(n), "en", "red shoes " * (3 + n % 5), f"c{n % 8}") for n in range(56)]
    both = with_names(EncodedExamples(rows, taxonomy, tokenizer), name_examples(taxonomy), taxonomy, tokenizer)
    order = list(LengthGroupedSampler(both.drawn_lengths(), 8, seed=1))
    of_names = [sum(row >= 56 for row in order[start : start + 8]) for start in range(0, 64, 8)]
    assert sorted(order) == list(range(64))
    assert max(of_names) <= 4
