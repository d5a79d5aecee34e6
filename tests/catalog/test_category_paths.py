"""Category paths of a whole catalogue: one path for all its notations, in the check and in what is prepared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.__main__ import main
from catalog.prepare import prepare
from catalog.prepared import SPLITS, read_split
from catalog.taxonomy import Taxonomy
from settings import load_settings

NOTATIONS = (
    "Home > Bedding > Blankets",
    "Home>>Bedding>>Blankets",
    "Home/Bedding/Blankets",
    "Home | Bedding | Blankets",
    '["Home", "Bedding", "Blankets"]',
    "Home > Bedding > Blankets, Sale > Home",
)


def write_shop(path: Path, categories: tuple[str, ...], products: int = 120) -> Path:
    rows = (
        {
            "id": str(n),
            "title": f"{n * 7919 % 9973:05d} wool {n * 31} x{n}",
            "category": categories[n % len(categories)],
        }
        for n in range(products)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_all_notations_of_a_path_are_one_category(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = write_shop(tmp_path / "shop.jsonl", (*NOTATIONS, "Food/Drink"))
    assert main(["check", str(shop), "--config", str(write_config(tmp_path))]) == 0
    told = capsys.readouterr().out
    assert "120 usable" in told and "home > bedding > blankets" in told and "food/drink" in told
    assert "read as a category path" in told and "'Home/Bedding/Blankets'" in told

    settings = load_settings(write_config(tmp_path), [f"catalog.path={shop}", f"build_dir={tmp_path / 'build'}"])
    directory = prepare(settings).directory
    assert {example.category for split in SPLITS for example in read_split(directory, split)} == {
        "home > bedding > blankets",
        "food/drink",
    }
    (drink, blankets) = Taxonomy.from_json(directory / "taxonomy.json").categories
    assert drink.names == {"en": "Food/Drink"}
    assert blankets.names == {"en": "Home > Bedding > Blankets"}


def test_a_taxonomy_finds_its_path_in_every_notation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = write_shop(tmp_path / "shop.jsonl", (*NOTATIONS, "Food/Drink"))
    taxonomy = tmp_path / "taxonomy.yaml"
    taxonomy.write_text("categories: [{id: blankets, synonyms: [Home > Bedding > Blankets]}, food/drink]\n")
    assert main(["check", str(shop), "--config", str(write_config(tmp_path, f"taxonomy: {taxonomy}"))]) == 0
    assert "120 usable, 0 rejected" in capsys.readouterr().out


def write_config(folder: Path, setting: str = "limit: null") -> Path:
    path = folder / "config.yaml"
    path.write_text(f"catalog: {{{setting}}}\n")
    return path
