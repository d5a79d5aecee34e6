"""Category paths in every notation are the same path; labels with a slash or a comma stay labels."""

from __future__ import annotations

from typing import Any

import pytest

from product_tagger_files import Note, Notes, path_readings, settle_paths
from product_tagger_files.errors import RowError
from product_tagger_files.paths import read_category

PATH = "Home > Bedding > Blankets"


@pytest.mark.parametrize(
    "written",
    [
        PATH, "Home>Bedding>Blankets", "Home >> Bedding >> Blankets", "Home > Bedding >  Blankets",
        "Home›Bedding›Blankets",
        "Home » Bedding » Blankets", "Home -> Bedding -> Blankets", "Home → Bedding → Blankets",
        "Home &gt; Bedding &gt; Blankets", " > Home > Bedding > Blankets > ", "Home > Bedding > Blankets > nan",
        '["Home", "Bedding", "Blankets"]', "['Home', 'Bedding', 'Blankets']", ["Home", "Bedding", "Blankets"],
        [["Home", "Bedding", "Blankets"], ["Sale"]], [{"name": "Home"}, {"name": "Bedding"}, {"name": "Blankets"}],
        ["Home > Bedding > Blankets", "Sale > Home"], "Home > Bedding > Blankets | Sale > Home",
        "Home > Bedding > Blankets\nSale > Home", b"Home > Bedding > Blankets",
    ],
)  # fmt: skip
def test_arrows_and_lists_are_one_path(written: Any) -> None:
    assert read_category(written, Notes()) == PATH


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("Food/Drink", "Food/Drink"), ("  T-Shirts \n & Tops", "T-Shirts & Tops"), ("Décor &amp; Art", "Décor & Art"),
        (1.0, "1"), (1, "1"), ("1.0", "1"), ("1.5", "1.5"), ("v1.0", "v1.0"), ("[Sale", "[Sale"), (["Home"], "Home"),
        ("Home > Food; Drink", "Home > Food; Drink"), ("> Home", "Home"), (">", ""), (" ", ""),
    ],
)  # fmt: skip
def test_a_label_stays_a_label(written: Any, label: str) -> None:
    assert read_category(written, Notes()) == label


def test_further_paths_of_a_product_are_counted() -> None:
    notes = Notes()
    read_category("Home > Rugs | Sale > Rugs", notes)
    read_category(["Home > Rugs", "Sale > Rugs"], notes)
    read_category("Home > Rugs", notes)
    read_category([["Home", "Rugs"], ["Sale"]], notes)
    assert notes.count(Note.MORE_PATHS, "category") == 3


@pytest.mark.parametrize("written", [True, {"a": {}}, [["a", {"b": 1}]], "x" * 1001, ["x"] * 1001])
def test_what_is_no_category_costs_its_row(written: Any) -> None:
    with pytest.raises(RowError, match=r"^category"):
        read_category(written, Notes())


@pytest.mark.parametrize("sign", ["/", "|", " / ", " | ", "／", "\\"])
def test_slashes_separate_where_the_catalogue_branches_by_them(sign: str) -> None:
    paths = [("Home", "Pans"), ("Home", "Rugs", "Wool"), ("Home",), ("Women", "Tops"), ("Women", "T-Shirts"), ("Sale",)]
    settled = settle_paths([sign.join(path) for path in paths])
    assert settled == {sign.join(path): " > ".join(path) for path in paths if len(path) > 1}


@pytest.mark.parametrize(
    "labels",
    [
        ["Food/Drink", "Health/Beauty", "Home/Garden"],
        ["Food/Drink", "Home", "Beauty", "Toys"],
        ["Women's T-Shirts/Tops", "Women's Jeans/Trousers", "Men's Suits/Blazers"],
        ["Home/Kitchen/Pans"],
        ["1/2 inch", "1/4 inch"],
        ["A > B/C", "A > B/D", "A > E/F"],
        ["食品/饮料", "服饰/鞋包"],
    ],
)
def test_slashes_within_labels_separate_nothing(labels: list[str]) -> None:
    assert settle_paths(labels) == {}


def test_a_path_in_slashes_is_one_where_it_or_the_one_above_stands_there_with_arrows() -> None:
    labels = [PATH, "Sport > Tents", "home/bedding/blankets", "Home|Bedding", "Home/Bedding/Sheets", "Home/Office"]
    assert settle_paths([*labels, "Food/Drink", "Toys", "Pets", "Games", "Books"]) == {
        "home/bedding/blankets": "home > bedding > blankets",
        "Home|Bedding": "Home > Bedding",
        "Home/Bedding/Sheets": "Home > Bedding > Sheets",
    }


def test_a_comma_ends_a_path_where_a_known_path_ends_or_a_known_one_begins() -> None:
    assert settle_paths([PATH, f"{PATH}, Sale > Home"]) == {f"{PATH}, Sale > Home": PATH}
    assert settle_paths(["Home > Rugs, Sale > Wool", "Sale > Wool"]) == {"Home > Rugs, Sale > Wool": "Home > Rugs"}


@pytest.mark.parametrize(
    "path",
    ["Appliances > Heating, Cooling & Air > Fans", "Food, Beverages & Tobacco > Food Items > Tofu, Soy > Cheese"],
)
def test_a_comma_within_a_level_ends_nothing(path: str) -> None:
    assert settle_paths(["Home > Chairs", "Home > Chairs, Recliners"]) == {}
    beside = ["Appliances", "Food, Beverages & Tobacco", "Appliances > Ovens", "Food, Beverages & Tobacco > Food Items"]
    assert settle_paths([*beside, path]) == {}


def test_a_taxonomy_is_offered_every_path_that_a_category_may_mean() -> None:
    assert list(path_readings("Home/Bedding")) == ["Home > Bedding"]
    assert list(path_readings("Home > Rugs, Wool, Sale > Rugs")) == ["Home > Rugs", "Home > Rugs, Wool"]
    assert list(path_readings("Home")) == []
