"""Categories as nodes of a tree: from paths, from YAML, from a public taxonomy's text file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.derivation import derive_taxonomy
from catalog.prepare import prepare
from catalog.taxonomy import Taxonomy, TaxonomyError
from catalog.taxonomy_files import read_taxonomy
from product_tagger_files import Notes
from product_tagger_files.errors import RowError
from product_tagger_files.paths import read_category
from settings.schema import Settings

NOUNS = (
    "basket", "blanket", "bowl", "brush", "collar", "cushion", "feeder", "fountain", "harness", "kennel", "ladder",
    "leash", "mirror", "perch", "ramp", "rug", "scratcher", "shampoo", "toy", "tunnel", "whistle",
)  # fmt: skip

SHOP = """
categories:
  - {id: home, names: {en: Home, zh: 家居}}
  - {id: kitchen, parent: home, names: {en: Kitchen, zh: 厨房}}
  - {id: pans, parent: kitchen, names: {en: Pans}}
  - {id: garden, names: {en: Garden}}
  - {id: garden-tools, parent: garden, names: {en: Tools}}
  - {id: kitchen-tools, parent: kitchen, names: {en: Tools}}
tags:
  - {id: steel, categories: [kitchen]}
"""


def written(directory: Path, text: str, name: str = "taxonomy.yaml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_node_is_found_by_its_path_by_names_or_ids_in_any_notation(tmp_path: Path) -> None:
    taxonomy = read_taxonomy(written(tmp_path, SHOP))
    for word in ("pans", "Home > Kitchen > Pans", "home/kitchen/pans", "家居 > 厨房 > Pans"):
        assert taxonomy.find_category(word) == "pans"
    assert taxonomy.find_category("Garden > Tools") == "garden-tools"
    assert taxonomy.find_category("Tools") is None
    assert taxonomy.path("pans", "zh") == ("家居", "厨房", "Pans")


def test_a_tree_reads_back_from_json_as_it_was_written(tmp_path: Path) -> None:
    taxonomy = read_taxonomy(written(tmp_path, SHOP)).kept_to({"pans"})
    assert Taxonomy.from_json(written(tmp_path, taxonomy.to_json(), "taxonomy.json")) == taxonomy
    assert taxonomy.category_ids == ("pans",)
    assert taxonomy.path("pans") == ("Home", "Kitchen", "Pans")


def test_a_flat_taxonomy_is_written_as_before() -> None:
    taxonomy = derive_taxonomy(["home", "garden"], {"steel": 3})
    assert taxonomy.is_flat
    assert taxonomy.kept_to({"home"}) is taxonomy
    assert set(taxonomy.data) == {"categories", "tags"}
    assert all(set(label) == {"id", "names", "synonyms"} for label in taxonomy.data["categories"])


def test_a_tag_of_a_branch_may_go_with_all_below_it(tmp_path: Path) -> None:
    taxonomy = read_taxonomy(written(tmp_path, SHOP)).kept_to({"pans", "kitchen-tools", "garden"})
    assert set(taxonomy.tags[0].categories) == {"kitchen", "pans", "kitchen-tools"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("categories:\n- {id: a, parent: b}\n- {id: b, parent: a}\n", r":2 .*in a circle: a > b > a"),
        ("categories:\n- home\n- {id: a, parent: b}\n", r":3 .*'a' has the parent 'b', which is not in the taxonomy"),
        (
            "categories:\n- x\n- y\n- {id: a, parent: x}\n- {id: a, parent: y}\n",
            r":5 .*'a' is given twice, below 'x' and",
        ),
        ("categories:\n- x\n- {id: a, parent: [x, y]}\n", r":3 .*`parent` must be the id of one category"),
        (
            "categories:\n- x\n- {id: a, parent: x, names: Pan}\n- {id: b, parent: x, names: pan}\n",
            r":4 .*'pan' stands for two",
        ),
        ("categories:\n- x\n- {id: a, names: {en: ' '}}\n", r":3 .*'a' has an empty name"),
        (
            "categories:\n- n0\n" + "".join(f"- {{id: n{i}, parent: n{i - 1}}}\n" for i in range(1, 20)),
            r":17 .*'n15' lies deeper than 15 levels",
        ),
        ("categories: [x]\ntags:\n- {id: a, parent: x}\n", r":3 .*tag 'a' has a parent"),
    ],
)
def test_a_bad_tree_in_yaml_is_one_sentence_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=r"taxonomy\.yaml" + message):
        read_taxonomy(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "word", "node"),
    [
        ("# Google_Product_Taxonomy_Version: 2021\n1 - Pets\n7 - Pets > Cats & Dogs\n", "Pets > Cats & Dogs", "7"),
        ("cat1 : Pets > Cats\ncat0 : Pets\n", "pets/cats", "cat1"),
        ("gid://shop/TaxonomyCategory/ap-1 : Pets > Cats\n", "Pets > Cats", "gid://shop/TaxonomyCategory/ap-1"),
        ("\ufeffPets\r\nPets > Cats - Long Haired\r\n", "Pets > Cats - long haired", "pets > cats-long-haired"),
        ("c1 : Pets > Cats\nc2 : Pets > Cats\n", "c2", "c1"),
    ],
)
def test_public_taxonomies_are_read_with_and_without_ids(tmp_path: Path, text: str, word: str, node: str) -> None:
    taxonomy = read_taxonomy(written(tmp_path, text, "shop.txt"))
    assert taxonomy.find_category(word) == node
    assert taxonomy.path(node)[0] == "Pets"
    assert len(taxonomy.path(node)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Pets\nPets >  > Cats\n", ":2 .*a level of 'Pets >  > Cats' is empty"),
        ("Pets\nHome\nPets\n", ":3 .*'Pets' stands in line 1 too"),
        ("1 - Pets\n2 - Home\n1 - Home > Cats\n", ":3 .*the id '1' stands in line 1 too"),
        ("Pets\n" + " > ".join(f"n{i}" for i in range(20)), ":2 .*lies deeper than 15 levels"),
        ("# only a comment\n", "names no category"),
        ("x" * 3000, ":1 .*3,000 characters"),
    ],
)
def test_a_bad_line_of_paths_is_told_with_its_number(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message):
        read_taxonomy(written(tmp_path, text, "shop.txt"))


def test_paths_of_a_catalogue_are_a_tree_whose_branches_the_model_does_not_answer() -> None:
    names = {"home > pans > woks": {"en": "Home > Pans > Woks"}}
    taxonomy = derive_taxonomy(["home > pans > woks", "home", "toys"], {}, category_names=names)
    assert taxonomy.category_ids == ("home", "home > pans > woks", "toys")
    assert [node.id for node in taxonomy.nodes] == ["home > pans"]
    assert taxonomy.path("home > pans > woks", "en") == ("Home", "Pans", "Woks")
    assert taxonomy.path("toys") == ("toys",)


def test_a_node_that_has_no_name_yet_is_left_out_with_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    taxonomy = read_taxonomy(written(tmp_path, "c0 : Pets\nc1 : Pets > \n", "shop.txt"))
    assert taxonomy.category_ids == ("c0",)
    assert "shop.txt:2: left out" in caplog.text


def test_a_row_whose_path_is_too_deep_is_rejected() -> None:
    with pytest.raises(RowError, match="category has 20 levels"):
        read_category(" > ".join(f"n{i}" for i in range(20)), Notes())


def test_products_on_any_node_of_a_public_taxonomy_are_prepared(tmp_path: Path) -> None:
    file = written(tmp_path, "1 - Pets\n2 - Pets > Cats\n3 - Pets > Dogs\n4 - Home\n", "google.txt")
    words = ("Pets", "Pets > Cats", "2")
    nouns = [f"{size} {noun}" for size in ("small", "large") for noun in NOUNS]
    rows = [{"id": f"p{n}", "title": noun, "category": words[n % 3]} for n, noun in enumerate(nouns)]
    catalogue = written(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "shop.jsonl")
    settings = Settings.model_validate(
        {"build_dir": tmp_path / "build", "catalog": {"path": str(catalogue), "taxonomy": file}}
    )
    taxonomy = Taxonomy.from_json(prepare(settings).directory / "taxonomy.json")
    assert taxonomy.category_ids == ("1", "2")
    assert [node.id for node in taxonomy.nodes] == ["3", "4"]
    assert taxonomy.path("2") == ("Pets", "Cats")
