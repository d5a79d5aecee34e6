"""Taxonomy: reading, looking up, and errors that name the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.prepared import Example
from catalog.taxonomy import Label, Taxonomy, TaxonomyError

YAML = """
categories:
  - {id: apparel, names: {en: Apparel, zh: 服饰}, synonyms: [clothing, 服装]}
  - home
tags:
  - {id: dress, names: {en: Dress, zh: 连衣裙}, synonyms: [gown], categories: [apparel]}
  - {id: wood}
"""


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    return read(tmp_path, YAML)


def read(tmp_path: Path, text: str) -> Taxonomy:
    path = tmp_path / "taxonomy.yaml"
    path.write_text(text, encoding="utf-8")
    return Taxonomy.from_yaml(path)


def test_yaml_gives_ids_names_synonyms_and_rules(taxonomy: Taxonomy) -> None:
    assert taxonomy.category_ids == ("apparel", "home")
    assert taxonomy.tag_ids == ("dress", "wood")
    assert taxonomy.tags[0] == Label("dress", {"en": "Dress", "zh": "连衣裙"}, ("gown",), ("apparel",))


def test_json_reads_back_what_was_written(taxonomy: Taxonomy, tmp_path: Path) -> None:
    (tmp_path / "taxonomy.json").write_text(taxonomy.to_json(), encoding="utf-8")
    assert Taxonomy.from_json(tmp_path / "taxonomy.json") == taxonomy


@pytest.mark.parametrize("word", ["apparel", " Apparel ", "CLOTHING", "服饰", "服装", "ａｐｐａｒｅｌ"])
def test_ids_display_names_and_synonyms_lead_to_the_id(taxonomy: Taxonomy, word: str) -> None:
    assert taxonomy.find_category(word) == "apparel"


def test_an_unknown_word_leads_nowhere(taxonomy: Taxonomy) -> None:
    assert taxonomy.find_category("food") is None
    assert taxonomy.find_tag("Gown") == "dress"
    assert taxonomy.find_tag("apparel") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("categories: [home, home]", "category id 'home' is given twice"),
        ("categories: []", "no category"),
        ("tags: [wood]", "needs a list `categories`"),
        ("categories: [{names: {en: Home}}]", r"categories\[0\] must be an id or a mapping with an `id`"),
        ("categories: [home]\ntags: [{id: wood, categories: [hom]}]", "category 'hom'.*did you mean 'home'"),
        (
            "categories: [home]\ntags: [{id: wood, category: [home]}]",
            "unknown key 'category'; did you mean 'categories'",
        ),
        (
            "categories: [{id: a, synonyms: [x]}, {id: b, synonyms: [X]}]",
            "'x' stands for two category ids, 'a' and 'b'",
        ),
        ("categories: [{id: a, synonyms: x}]", "`synonyms` must be a list, not 'x'"),
        ("categories: [a]\ntag: [b]", "unknown key 'tag'; did you mean 'tags'"),
        ("categories: [a\n", "not a usable taxonomy"),
        ("categories: ['']", "empty id"),
        ("categories: home", "needs a list `categories`"),
        ("[home]", "needs a list `categories`"),
        ("categories: [home]\ntags: wood", "`tags` must be a list, not 'wood'"),
        ("categories: [home]\ntags: [wood, {id: 7}]", r"tags\[1\] must be an id or a mapping with .*, not {'id': 7}"),
        ("categories: [{id: home, 5: x}]", r"categories\[0\] \(home\) has an unknown key '5'"),
        ("categories: [{id: home, names: [x]}]", r"\(home\): `names` must be a mapping such as .*, not \['x'\]"),
        ("categories: [home]\ntags: [{id: wood, categories: home}]", "`categories` must be a list, not 'home'"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message) as caught:
        read(tmp_path, text)
    assert "taxonomy.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_yaml_reads_as_numbers_or_as_nothing_is_taken_as_it_is_meant(tmp_path: Path) -> None:
    taxonomy = read(tmp_path, "categories: [{id: home, names: 家居, synonyms: [2024]}]\ntags: [{id: wood, names: }]\n")
    assert taxonomy.categories == (Label("home", {"zh": "家居"}, ("2024",)),)
    assert taxonomy.tags == (Label("wood"),)
    assert read(tmp_path, "categories: [home]\ntags:\n").tags == ()


def test_an_example_of_a_category_that_is_not_listed_is_told_with_what_to_do(taxonomy: Taxonomy) -> None:
    with pytest.raises(TaxonomyError, match=r"Product 'sku-7' has the category 'toys'.*catalog prepare`. Run it again"):
        taxonomy.encode([Example("sku-7", "en", "blocks", "toys")])


def test_a_missing_taxonomy_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match="does not exist"):
        Taxonomy.from_yaml(tmp_path / "nowhere.yaml")
