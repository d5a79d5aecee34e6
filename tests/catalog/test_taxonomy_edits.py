"""Editing a taxonomy from the command line: the file stays a taxonomy, old words lead to the new categories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.__main__ import main
from catalog.taxonomy import Taxonomy

SHOP = """\
# what the shop sells
categories:
  - {id: home, names: {en: Home}}
  - {id: kitchen, parent: home, names: {en: Kitchen, zh: 厨房}}
  - {id: pans, parent: kitchen, names: {en: Pans}} # best sellers
  - cookware
tags:
  - {id: steel, categories: [pans, home]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "taxonomy.yaml"
    path.write_text(SHOP, encoding="utf-8")
    return path


def edited(file: Path, command: str, *arguments: str) -> Taxonomy:
    assert main(["taxonomy", command, str(file), *arguments]) == 0
    return Taxonomy.from_yaml(file) if file.suffix == ".yaml" else Taxonomy.from_json(file)


def test_an_added_category_is_found_below_its_parent_and_comments_stay(file: Path) -> None:
    taxonomy = edited(file, "add", "woks", "--parent", "Home > Kitchen > Pans", "--name", "en=Woks", "--synonym", "锅")
    assert taxonomy.find_category("home/kitchen/pans/woks") == taxonomy.find_category("锅") == "woks"
    added = "  - {id: woks, parent: pans, names: {en: Woks}, synonyms: [锅]}\n"
    assert file.read_text(encoding="utf-8") == SHOP.replace("tags:\n", f"{added}tags:\n")


def test_a_list_that_is_not_indented_stays_so_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.yaml"
    path.write_text("categories:\n# cloth\n- id: sofas # behind\n  names: {en: Sofas}\n- beds\n", encoding="utf-8")
    edited(path, "add", "lamps")
    edited(path, "move", "beds", "--parent", "sofas")
    assert path.read_text(encoding="utf-8") == (
        "categories:\n# cloth\n- id: sofas # behind\n  names: {en: Sofas}\n- {id: beds, parent: sofas}\n- {id: lamps}\n"
    )


def test_a_moved_category_takes_along_what_is_below_it(file: Path) -> None:
    taxonomy = edited(file, "move", "kitchen", "--parent", "cookware")
    assert taxonomy.path("pans") == ("cookware", "Kitchen", "Pans")
    assert edited(file, "move", "kitchen", "--root").path("pans") == ("Kitchen", "Pans")


def test_what_is_merged_is_found_by_its_old_words(file: Path) -> None:
    taxonomy = edited(file, "merge", "kitchen", "--into", "cookware")
    for word in ("kitchen", "Kitchen", "厨房"):
        assert taxonomy.find_category(word) == "cookware"
    assert taxonomy.path("pans") == ("cookware", "Pans")


def test_another_id_is_taken_over_by_children_and_tags(file: Path) -> None:
    taxonomy = edited(file, "rename", "pans", "--id", "frying-pans", "--name", "en=Frying pans")
    assert taxonomy.find_category("pans") == "frying-pans"
    assert set(taxonomy.tags[0].categories) == {"frying-pans", "home"}
    assert edited(file, "rename", "home", "--id", "house").path("frying-pans") == ("Home", "Kitchen", "Frying pans")


def test_each_change_is_a_line_of_the_log(file: Path) -> None:
    edited(file, "merge", "cookware", "--into", "pans")
    edited(file, "move", "pans", "--root")
    lines = (file.parent / "taxonomy-changes.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["change"] for line in lines] == [
        "cookware was merged into pans, now it is Home > Kitchen > Pans",
        "pans was moved, before it was Home > Kitchen > Pans, now it is Pans",
    ]


def test_a_change_that_cannot_be_logged_is_not_made(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = file.read_text(encoding="utf-8")
    (file.parent / "taxonomy-changes.jsonl").mkdir()
    assert main(["taxonomy", "move", str(file), "pans", "--root"]) == 1
    assert "taxonomy-changes.jsonl can't be used" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("move", ["home", "--parent", "pans"], "stays as it is: categories are below each other in a circle"),
        ("add", ["home"], "stays as it is: the category id 'home' is given twice"),
        ("add", ["kettles", "--parent", "kitchn"], "has no category 'kitchn'; did you mean 'kitchen'"),
        ("merge", ["home", "--into", "pans"], "can't be merged into 'pans', which is or lies below it"),
        ("add", ["k2", "--parent", "home", "--name", "en=Kitchen"], "'kitchen' stands for two category ids"),
    ],
)
def test_an_edit_that_would_break_the_tree_changes_nothing(
    file: Path, capsys: pytest.CaptureFixture[str], command: str, arguments: list[str], message: str
) -> None:
    assert main(["taxonomy", command, str(file), *arguments]) != 0
    assert message in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == SHOP
    assert [path.name for path in file.parent.iterdir()] == ["taxonomy.yaml"]


def test_a_checkpoints_outputs_stay_and_get_further_nodes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learnt = file.with_suffix(".json")
    learnt.write_text(Taxonomy.from_yaml(file).to_json(), encoding="utf-8")
    taxonomy = edited(learnt, "add", "woks", "--parent", "pans")
    assert taxonomy.category_ids == ("home", "kitchen", "pans", "cookware")
    assert taxonomy.path("woks") == ("Home", "Kitchen", "Pans", "woks")
    assert edited(learnt, "rename", "pans", "--name", "zh=锅").path("pans", "zh")[-1] == "锅"
    assert main(["taxonomy", "merge", str(learnt), "pans", "--into", "home"]) != 0
    assert "edit taxonomy.yaml and train again" in capsys.readouterr().err
