"""The whole stage: what it writes, what it keeps when it fails, and when it has nothing to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from catalog.__main__ import main
from catalog.demo import write_demo
from catalog.ingest import MOST_HINTS
from catalog.prepare import prepare
from catalog.prepared import SPLITS, read_split
from catalog.readers import CatalogError
from catalog.sources import find_source
from catalog.taxonomy import Taxonomy, TaxonomyError
from settings import load_settings
from tests.catalog.made_rows import lines_of, row, settings_for, write


def test_one_file_becomes_three_parts_with_cleaned_texts_and_a_taxonomy(tmp_path: Path) -> None:
    rows = [row(number) for number in range(200)]
    rows[7] |= {
        "title": "限时特惠 ¥199 纯棉连衣裙 XL",
        "attributes": {"材质": "纯棉"},
        "tags": ["Wood", "rare"],
        "lang": "",
    }
    prepared = prepare(settings_for(tmp_path, write(tmp_path / "shop.jsonl", rows)))
    examples = {split: read_split(prepared.directory, split) for split in SPLITS}
    assert {split: len(examples[split]) for split in SPLITS} == {"train": 160, "validation": 20, "test": 20}
    (dress,) = [example for split in SPLITS for example in examples[split] if example.id == "sku-7"]
    assert (dress.text, dress.lang, dress.category) == ("纯棉连衣裙 XL 材质: 纯棉", "zh", "food")
    assert (dress.tags, dress.weight) == (("wood",), 1.0)
    taxonomy = Taxonomy.from_json(prepared.directory / "taxonomy.json")
    assert (taxonomy.category_ids, taxonomy.tag_ids) == (("food", "home"), ("wood",))
    assert prepared.summary["splits"]["test"]["categories"] == {"home": 10, "food": 10}
    assert prepared.summary["taxonomy"]["rare_tags_left_out"] == 1
    assert not list(prepared.directory.glob("*.tmp"))


def test_rows_that_continue_a_product_are_told_and_are_no_rejects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["Handle,Title,Type,Tags,Option1 Name,Option1 Value"]
    for number in range(30):
        title = row(number)["title"]
        lines += [f'h{number},{title},Home > Rugs,"wool, nan",Size,S', f"h{number},,,,,M", f"h{number},,,,,"]
    path = write(tmp_path / "shop.csv", lines)
    assert main(["check", str(path), "--config", str(write(tmp_path / "empty.yaml", ["{}"]))]) == 0
    told = capsys.readouterr().out
    assert "30 rows read, 30 usable, 0 rejected." in told and "60 more rows continue a product" in told
    assert "shop.csv is read as an export of shopify" in told and "tags 30 ('nan')" in told

    summary = prepare(settings_for(tmp_path, path)).summary
    assert (summary["rows_read"], summary["continuations"]) == ({"train": 30}, 60)
    assert summary["notes"] == {"missing": {"tags": 30}}
    with pytest.raises(CatalogError, match="neither a column 'title'"):
        prepare(settings_for(tmp_path, path, "catalog.format=plain"))


def test_every_row_is_an_example_or_a_reject_with_its_line(tmp_path: Path) -> None:
    rows: list[Any] = [row(number) for number in range(100)]
    rows[10] = "{broken"
    rows[20] = {**row(20), "id": "sku-1"}
    rows[30] = {**row(30), "title": "🔥 ¥99"}
    prepared = prepare(settings_for(tmp_path, write(tmp_path / "shop.jsonl", rows)))
    rejects = lines_of(prepared.directory / "rejects.jsonl")
    assert [(reject["file"], reject["line"], reject["reason"]) for reject in rejects] == [
        ("shop.jsonl", 11, "broken JSON"),
        ("shop.jsonl", 21, "duplicate id"),
        ("shop.jsonl", 31, "no text is left after cleaning"),
    ]
    assert sum(prepared.summary["splits"][split]["products"] for split in SPLITS) == 97
    assert prepared.summary["rejects"] == {
        "rows": 3,
        "share": 0.03,
        "reasons": {"broken JSON": 1, "duplicate id": 1, "no text is left after cleaning": 1},
    }


def test_too_many_rejects_stop_the_run_keep_the_rejects_and_leave_what_was_there(tmp_path: Path) -> None:
    rows: list[Any] = [row(number) for number in range(50)]
    settings = settings_for(tmp_path, write(tmp_path / "shop.jsonl", rows))
    before = prepare(settings).summary
    write(tmp_path / "shop.jsonl", [*rows, *["{broken"] * 10])
    kept = tmp_path / "build" / "catalog-rejects.jsonl"
    with pytest.raises(CatalogError, match=r"10 of 60 rows \(16.7%\).*broken JSON: 10") as caught:
        prepare(settings)
    assert str(kept) in str(caught.value)
    assert len(lines_of(kept)) == 10
    assert json.loads((tmp_path / "build/catalog/summary.json").read_text(encoding="utf-8")) == before
    assert not (tmp_path / "build/.catalog.new").exists()
    write(tmp_path / "shop.jsonl", rows)
    prepare(settings, force=True)
    assert not kept.exists()


def test_a_taxonomy_file_maps_synonyms_rejects_unknown_categories_and_drops_unknown_tags(tmp_path: Path) -> None:
    rows = [row(number, category=("家居", "Groceries")[number % 2], tags=["木质", "odd"]) for number in range(60)]
    rows[3]["category"] = "fod"
    (tmp_path / "taxonomy.yaml").write_text(
        "categories:\n- {id: home, names: {zh: 家居}}\n- {id: food, synonyms: [groceries]}\n- toys\n"
        "tags:\n- {id: wood, names: {zh: 木质}}\n",
        encoding="utf-8",
    )
    path = write(tmp_path / "shop.jsonl", rows)
    prepared = prepare(settings_for(tmp_path, path, f"catalog.taxonomy={tmp_path / 'taxonomy.yaml'}"))
    examples = [example for split in SPLITS for example in read_split(prepared.directory, split)]
    assert {(example.category, example.tags) for example in examples} == {("home", ("wood",)), ("food", ("wood",))}
    (reject,) = lines_of(prepared.directory / "rejects.jsonl")
    assert reject["reason"] == "unknown category"
    assert "did you mean 'food'" in reject["detail"]
    assert prepared.summary["taxonomy"]["unknown_tags"] == {"odd": 59}
    assert Taxonomy.from_json(prepared.directory / "taxonomy.json").category_ids == ("home", "food", "toys")


def test_a_taxonomy_beside_the_stem_is_used(tmp_path: Path) -> None:
    write(tmp_path / "shop.train.jsonl", [row(number) for number in range(20)])
    (tmp_path / "shop.taxonomy.yaml").write_text("categories: [home, food]\n", encoding="utf-8")
    assert prepare(settings_for(tmp_path, tmp_path / "shop")).summary["taxonomy"]["tags"] == 0


def test_behaviour_becomes_weights(tmp_path: Path) -> None:
    rows = [row(number, views=10_000, clicks=100 * (number % 5)) for number in range(40)]
    prepared = prepare(settings_for(tmp_path, write(tmp_path / "shop.jsonl", rows)))
    weights = {e.id: e.weight for split in SPLITS for e in read_split(prepared.directory, split)}
    assert weights["sku-0"] == 0.5 < weights["sku-2"] < weights["sku-4"] <= 2.0


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([row(number, tags=[]) for number in range(30)], id="no-tags"),
        pytest.param([row(number, category="home") for number in range(30)], id="one-category"),
        pytest.param([*(row(number) for number in range(30)), row(99, category="pets")], id="a-category-of-one"),
        pytest.param([row(1)], id="one-product"),
    ],
)
def test_odd_catalogues_prepare_all_the_same(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    prepared = prepare(settings_for(tmp_path, write(tmp_path / "shop.jsonl", rows)))
    assert sum(prepared.summary["splits"][split]["products"] for split in SPLITS) == len(rows)
    assert prepared.summary["splits"]["train"]["categories"].keys() == {item["category"] for item in rows}


@pytest.mark.parametrize(
    ("rows", "message"),
    [([], "has no rows"), (['{"title": "x"}'], r"none of the 1 rows.*no category: 1")],
)
def test_a_catalogue_without_a_usable_row_is_one_clear_error(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(CatalogError, match=message):
        prepare(settings_for(tmp_path, write(tmp_path / "shop.jsonl", rows)))


def test_paths_that_mean_nothing_are_explained(tmp_path: Path) -> None:
    write(tmp_path / "shop.test.jsonl", [row(1)])
    with pytest.raises(CatalogError, match=r"no .*shop.train"):
        prepare(settings_for(tmp_path, tmp_path / "shop"))
    with pytest.raises(CatalogError, match=r"there is no catalogue .*shpo.*did you mean .*shop"):
        prepare(settings_for(tmp_path, tmp_path / "shpo.test.jsonl"))
    with pytest.raises(CatalogError, match="a folder"):
        prepare(settings_for(tmp_path, tmp_path))
    write(tmp_path / "two.train.jsonl", [row(1)])
    write(tmp_path / "two.train.csv", ["title,category"])
    with pytest.raises(CatalogError, match="both stand for the train part"):
        prepare(settings_for(tmp_path, tmp_path / "two"))
    path = write(tmp_path / "shop.jsonl", [row(1)])
    with pytest.raises((CatalogError, TaxonomyError), match=r"none.yaml"):
        prepare(settings_for(tmp_path, path, "catalog.taxonomy=none.yaml"))


def test_a_second_run_is_up_to_date_until_input_or_settings_change(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.jsonl", [row(number) for number in range(30)])
    assert not prepare(settings_for(tmp_path, path)).up_to_date
    assert prepare(settings_for(tmp_path, path)).up_to_date
    assert not prepare(settings_for(tmp_path, path, "catalog.test_share=0.3")).up_to_date
    write(path, [row(number) for number in range(31)])
    assert not prepare(settings_for(tmp_path, path, "catalog.test_share=0.3")).up_to_date
    (tmp_path / "build/catalog/test.jsonl").unlink()
    assert not prepare(settings_for(tmp_path, path, "catalog.test_share=0.3")).up_to_date


def test_the_command_line_prepares_says_up_to_date_and_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "shop.jsonl", [*(row(number) for number in range(60)), "{broken"])
    config = write(tmp_path / "tagger.yaml", ["{}"])
    arguments = ["--config", str(config), "--set", f"catalog.path={path}", "--set", f"build_dir={tmp_path / 'build'}"]
    assert main(["prepare", *arguments]) == 0
    output = capsys.readouterr().out
    assert "61 rows read, 1 rejected (1.64%)" in output
    assert "1 rejected: broken JSON" in output
    assert "validation" in output
    assert main(["prepare", *arguments]) == 0
    assert not capsys.readouterr().out
    assert main(["check", *arguments, str(path)]) == 0
    output = capsys.readouterr().out
    assert "shop.jsonl:61: broken JSON: " in output
    assert "60 usable" in output


def test_of_very_many_categories_some_are_shown_and_some_hints_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(number, category=f"category {number % 120}") for number in range(480)]
    path, empty = write(tmp_path / "shop.jsonl", rows), write(tmp_path / "empty.yaml", ["{}"])
    arguments = ["--config", str(empty), "--set", f"build_dir={tmp_path / 'build'}"]
    assert main(["prepare", *arguments, "--set", f"catalog.path={path}"]) == 0
    assert "… and 70 categories more" in capsys.readouterr().out

    (tmp_path / "taxonomy.yaml").write_text("categories: [category]\n", encoding="utf-8")
    main(
        [
            "prepare",
            *arguments,
            "--set",
            f"catalog.path={path}",
            "--set",
            f"catalog.taxonomy={tmp_path / 'taxonomy.yaml'}",
        ]
    )
    details = [reject["detail"] for reject in lines_of(tmp_path / "build" / "catalog-rejects.jsonl")]
    assert sum("did you mean 'category'?" in detail for detail in details) == 4 * MOST_HINTS
    assert len(details) == 480


def test_mistakes_on_the_command_line_end_with_one_sentence_and_status_1(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "catalog", "prepare", "--set", f"catalog.path={tmp_path / 'none'}"]
    done = subprocess.run([*command, "--set", f"build_dir={tmp_path}"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no catalogue")
    assert "Traceback" not in done.stderr


def test_the_built_in_catalogue_leaves_alone_what_make_demo_has_made_and_is_written_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    made = tmp_path / "build" / "demo" / "releases" / "current"
    made.parent.mkdir(parents=True)
    made.touch()
    settings = load_settings(write(tmp_path / "empty.yaml", ["{}"]), [f"build_dir={tmp_path / 'build'}"])
    find_source("demo", settings.build_dir, 13)
    assert made.exists()
    assert "The built-in catalogue is made, because it is not there yet." in caplog.text
    find_source("demo", settings.build_dir, 13)
    assert "The built-in catalogue is up to date: the seed, the words and the code did not change" in caplog.text
    write_demo(settings.build_dir / "demo-catalogue", seed=14)
    find_source("demo", settings.build_dir, 13)
    assert caplog.messages[-1].endswith("was not completed.")


def test_texts_with_different_labels_are_told_and_written_to_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(number) for number in range(60)]
    rows += [row(7, id=f"again-{category}", category=category) for category in ("toys", "garden")]
    rows += [row(8, id="other-tags", tags=["steel"]), row(9, id="no-tags", tags=[]), row(10, id="the-same")]
    path = write(tmp_path / "shop.jsonl", rows)
    config = write(tmp_path / "tagger.yaml", ["{}"])
    arguments = ["--config", str(config), "--set", f"catalog.path={path}", "--set", f"build_dir={tmp_path / 'build'}"]
    assert main(["prepare", *arguments]) == 0
    output = capsys.readouterr().out
    assert "1 texts (3 products) stand under several categories, for instance" in output
    assert "(food, toys, garden)" in output
    assert "1 texts (2 products) stand under one category with different tags" in output
    assert str(tmp_path / "build" / "catalog" / "conflicts.jsonl") in output
    by_category, by_tags = lines_of(tmp_path / "build" / "catalog" / "conflicts.jsonl")
    assert (by_category["conflict"], by_category["count"], by_tags["conflict"]) == ("category", 3, "tags")
    assert [(item["id"], item["line"], item["category"]) for item in by_category["products"]] == [
        ("sku-7", 8, "food"),
        ("again-toys", 61, "toys"),
        ("again-garden", 62, "garden"),
    ]
    assert [item["tags"] for item in by_tags["products"]] == [["wood"], ["steel"]]
    assert main(["check", *arguments, str(path)]) == 0
    assert "1 texts (3 products) stand under several categories" in capsys.readouterr().out
