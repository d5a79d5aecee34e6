"""Which part of the splits a prepared product is in, and what is told of groups and small categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog.__main__ import main
from catalog.prepare import prepare
from catalog.prepared import SPLITS, read_split
from catalog.readers import CatalogError
from tests.catalog.made_rows import COLOURS, ids_of, lines_of, row, settings_for, write
from training.__main__ import main as training_main


def test_twins_share_a_part_and_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = [row(number) for number in range(150)]
    rows += [{**row(number, id=f"twin-{number}"), "title": row(number)["title"] + " !"} for number in range(150)]
    path = write(tmp_path / "shop.jsonl", rows)
    first = prepare(settings_for(tmp_path, path))
    parts = {example.id: split for split in SPLITS for example in read_split(first.directory, split)}
    assert all(parts[f"sku-{number}"] == parts[f"twin-{number}"] for number in range(150))
    assert set(parts.values()) == set(SPLITS)
    texts = {split: (first.directory / f"{split}.jsonl").read_bytes() for split in SPLITS}
    again = prepare(settings_for(tmp_path, path), force=True)
    assert texts == {split: (again.directory / f"{split}.jsonl").read_bytes() for split in SPLITS}
    other = prepare(settings_for(tmp_path, path, "catalog.seed=99"))
    assert texts["test"] != (other.directory / "test.jsonl").read_bytes()


def test_a_stem_takes_its_own_parts_and_leaves_out_training_twins_of_test_products(tmp_path: Path) -> None:
    write(tmp_path / "shop.train.jsonl", [row(number) for number in range(100)])
    twin = {**row(5, id="twin"), "title": row(5)["title"].upper()}
    write(tmp_path / "shop.test.jsonl", [*(row(number) for number in range(200, 220)), twin, row(300, category="toys")])
    prepared = prepare(settings_for(tmp_path, tmp_path / "shop"))
    assert ids_of(prepared.directory, "test") == {*(f"sku-{number}" for number in range(200, 220)), "twin"}
    assert len(ids_of(prepared.directory, "validation")) == 10
    assert "sku-5" not in ids_of(prepared.directory, "train") | ids_of(prepared.directory, "validation")
    assert {
        (item["file"], item["line"], item["reason"]) for item in lines_of(prepared.directory / "rejects.jsonl")
    } == {
        ("shop.train.jsonl", 6, "near-duplicate in another part"),
        ("shop.test.jsonl", 22, "category without training products"),
    }
    assert prepared.summary["rejects"]["rows"] == 0


def test_a_limit_draws_training_rows_shrinks_validation_and_keeps_the_test_part(tmp_path: Path) -> None:
    rows = [row(number) for number in range(400)]
    rows += [row(number, category="rare") for number in range(400, 404)]
    path = write(tmp_path / "shop.jsonl", rows)
    whole = prepare(settings_for(tmp_path, path))
    test = ids_of(whole.directory, "test")
    train = ids_of(whole.directory, "train")
    few = prepare(settings_for(tmp_path, path, "catalog.limit=32"))
    assert ids_of(few.directory, "test") == test
    assert len(ids_of(few.directory, "train")) == 32
    assert ids_of(few.directory, "train") < train
    assert len(ids_of(few.directory, "validation")) == 4
    assert few.summary["splits"]["train"]["categories"]["rare"] >= 1
    with pytest.raises(CatalogError, match=r"catalog.limit is 2, but there are 3 categories"):
        prepare(settings_for(tmp_path, path, "catalog.limit=2"))


def test_variants_without_a_group_and_products_of_one_group_share_a_part(tmp_path: Path) -> None:
    shirts = [
        {"id": f"{kind}-{colour}", "title": f"{kind} Shirt, {colour}", "category": "apparel"}
        for kind in ("Cotton", "Linen", "Silk", "Wool", "Denim", "Fleece", "Jersey", "Velvet", "Corduroy", "Flannel")
        for colour in ("Red", "Blue", "Off White")
    ]
    given = [row(number, group=f"parent-{number // 4}") for number in range(80)]
    prepared = prepare(settings_for(tmp_path, write(tmp_path / "shop.jsonl", [*shirts, *given])))
    parts = {example.id: split for split in SPLITS for example in read_split(prepared.directory, split)}
    by_kind: dict[str, set[str]] = {}
    for shirt in shirts:
        by_kind.setdefault(shirt["id"].split("-")[0], set()).add(parts[shirt["id"]])
    assert all(len(found) == 1 for found in by_kind.values())
    assert set().union(*by_kind.values()) == set(SPLITS)
    assert all(len({parts[f"sku-{4 * parent + number}"] for number in range(4)}) == 1 for parent in range(20))
    found = prepared.summary["near_duplicates"]
    assert (found["groups"], found["products"], found["given_groups"]) == (30, 110, 20)


def test_a_group_that_holds_a_third_of_its_category_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(number, category="toys") for number in range(20)]
    rows += [
        row(100 + number, title=f"Spinning top, {colour}", category="toys") for number, colour in enumerate(COLOURS)
    ]
    path = write(
        tmp_path / "shop.jsonl",
        [{**item, "title": item["title"].replace("denim", "navy").replace("hazel", "tan")} for item in rows],
    )
    sentence = "group of variants and near-duplicates holds 12 of 32 products of the category 'toys' (38%)"
    config = write(tmp_path / "tagger.yaml", ["{}"])
    arguments = ["--config", str(config), "--set", f"catalog.path={path}", "--set", f"build_dir={tmp_path / 'build'}"]
    assert main(["prepare", *arguments]) == 0
    assert sentence in capsys.readouterr().out
    assert main(["check", *arguments, str(path)]) == 0
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(1, category="toys"), row(2), row(3)], id="one-product-a-category"),
        pytest.param([row(1, title=f"Oak shelf, {colour}") for colour in ("red", "blue", "grey")], id="variants"),
    ],
)
def test_too_few_products_for_every_part_are_told_before_anything_is_trained(
    tmp_path: Path, rows: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**item, "id": f"p{number}"} for number, item in enumerate(rows)]
    path = write(tmp_path / "shop.jsonl", rows)
    config = write(tmp_path / "tagger.yaml", ["{}"])
    arguments = ["--config", str(config), "--set", f"catalog.path={path}", "--set", f"build_dir={tmp_path / 'build'}"]
    assert main(["prepare", *arguments]) == 0
    assert "warning: There are no validation and no test products: " in capsys.readouterr().err
    assert training_main(arguments) == 1
    assert "no product in its validation and test parts" in capsys.readouterr().err


def test_three_products_in_each_of_many_categories_fill_every_part(tmp_path: Path) -> None:
    rows = [row(number, category=f"shelf {number // 3}") for number in range(300)]
    splits = prepare(settings_for(tmp_path, write(tmp_path / "shop.jsonl", rows))).summary["splits"]
    assert [splits[split]["products"] for split in SPLITS] == [240, 30, 30]
    assert len(splits["train"]["categories"]) == 100
