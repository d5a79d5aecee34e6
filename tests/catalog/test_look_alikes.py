"""Labels that may mean the same are named, and only named."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from catalog.__main__ import main
from catalog.look_alikes import MOST_PAIRS, look_alikes
from catalog.spelling import label_id


@pytest.mark.parametrize(
    ("frequent", "rare"),
    [
        ("Apparel", "Clothing"), ("apparel", "服饰"), ("服装", "服飾"), ("Food", "Grocery"), ("Beauty", "Cosmetics"),
        ("Décor", "Decor"), ("Shoes", "Shoe"), ("Watches", "Watch"), ("Batteries", "Battery"), ("T-Shirts", "TShirt"),
        ("Kids Shoes", "Shoes, Kids"), ("Home & Garden", "Home and Garden"), ("Women's Shoes", "Womens Shoes"),
        ("Headphones", "Headphnes"), ("Jackets", "Jakcets"), ("Cameras", "Camerras"), ("Куртки", "Куртка"),
        ("Home > Frying Pans", "Home > Frying Pan"), ("Home > Decor > Lamps", "Home > Décor > Lamps"),
    ],
)  # fmt: skip
def test_labels_that_may_mean_the_same_are_named(frequent: str, rare: str) -> None:
    counts = {label_id(frequent): 60, label_id(rare): 12, "kitchen": 30}
    assert look_alikes(counts) == [(label_id(frequent), label_id(rare))]


@pytest.mark.parametrize(
    "labels",
    [
        ("C", "C++", "C#"), ("Size 1", "Size 2", "Size 11"), ("Camera 2023", "Camera 2024"), ("男鞋", "女鞋"),
        ("Home > Pans", "Garden > Pans"), ("Boots", "Boats"), ("Glass", "Glasses case"), ("Red", "Bed"),
    ],
)  # fmt: skip
def test_labels_that_differ_are_not_named(labels: tuple[str, ...]) -> None:
    assert look_alikes({label_id(label): 100 if place else 10 for place, label in enumerate(labels)}) == []


def test_two_frequent_labels_one_letter_apart_are_two_words() -> None:
    assert look_alikes({"leggings": 200, "jeggings": 90}) == []
    assert look_alikes({"home > kurta-kurti > kurta": 99, "home > kurta-kurti > kurti": 3}) == []  # too short to say
    assert look_alikes({"packets": 200, "pockets": 90}) == []


def test_of_thousands_of_pairs_few_are_told_and_odd_labels_are_none() -> None:
    draw = random.Random(3)
    random_labels = {"".join(draw.choices("ab", k=12)): draw.randrange(1, 1000) for _ in range(3000)}
    assert len(look_alikes(random_labels)) == MOST_PAIRS
    assert look_alikes({"": 1, " > ": 1, ">": 2}) == []


def test_check_and_prepare_name_them_and_keep_the_categories_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "shop.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(120):
            title = f"{'abcdefghij'[number % 10] * 3} {number * 7919 % 99991:05d} thing"
            category = ("Home", "家居", "Toys", "Garden")[number % 4]
            row = {"id": number, "title": title, "category": category, "tags": ["lamp"] if number % 3 else ["Lamps"]}
            file.write(json.dumps(row) + "\n")
    (tmp_path / "tagger.yaml").write_text("{}")
    options = [
        "--config",
        f"{tmp_path}/tagger.yaml",
        "--set",
        f"catalog.path={path}",
        "--set",
        f"build_dir={tmp_path}/b",
    ]
    for command in (["prepare", *options], ["check", *options, str(path)]):
        assert main(command) == 0
        told = capsys.readouterr().out
        assert "These categories look alike, and stay apart: home and 家居." in told
        assert "These tags look alike, and stay apart: lamp and lamps." in told
        assert "docs/how-to/write-a-taxonomy.md" in told
    (tmp_path / "taxonomy.yaml").write_text(
        "categories: [{id: home, synonyms: [家居]}, toys, garden]", encoding="utf-8"
    )
    assert main(["check", *options, "--set", f"catalog.taxonomy={tmp_path}/taxonomy.yaml", str(path)]) == 0
    assert "look alike" not in capsys.readouterr().out
