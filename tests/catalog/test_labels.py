"""A shop's own words for categories and tags: which are one label, what it is called, and that none ends the run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.derivation import BUILT_IN_NAMES, derive_taxonomy
from catalog.ingest import Labels
from catalog.prepare import prepare
from catalog.spelling import clean_name, fold, label_id
from catalog.taxonomy import Label, Taxonomy
from settings import load_settings

ZERO_WIDTH, SOFT_HYPHEN, BOM, JOINER = "\u200b", "\u00ad", "\ufeff", "\u200d"


def derived(tmp_path: Path, rows: Iterable[tuple[str, str, Sequence[str]]]) -> Taxonomy:
    """The taxonomy that `prepare` makes of (title, category, tags), each ten times with other numbers."""
    path = tmp_path / "shop.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, (title, category, tags) in enumerate(list(rows) * 10):
            numbered = f"{title} {number * 7919 % 99991:05d}"
            row = {"id": number, "title": numbered, "category": category, "tags": tags}
            file.write(json.dumps(row) + "\n")
    (tmp_path / "empty.yaml").write_text("{}")
    options = [f"catalog.path={path}", f"build_dir={tmp_path / 'build'}", "catalog.min_tag_products=1"]
    return Taxonomy.from_json(prepare(load_settings(tmp_path / "empty.yaml", options)).directory / "taxonomy.json")


def names(labels: Iterable[Label]) -> dict[str, dict[str, str]]:
    return {label.id: dict(label.names) for label in labels}


@pytest.mark.parametrize(
    "spellings",
    [
        ("Shoes", "shoes", "SHOES", " Shoes\t", "Ｓｈｏｅｓ"),
        (
            "Shoes",
            f"Shoes{ZERO_WIDTH}",
            f"{BOM}Shoes",
            f"Sho{SOFT_HYPHEN}es",
            f"Shoes{JOINER} ",
            "Sho\x07es",
            "Shoes\ufe0f",
        ),
        ("Home Décor", "home_de\u0301cor", "HOME-DÉCOR", "Home  \u00a0 Décor", "Home\u2011Décor", "Home – Décor"),
        ("T-Shirt", "T Shirt", "t_shirt"),
        ("Straße", "STRASSE"),
        ("連衣裙", f"連{ZERO_WIDTH}衣裙"),
        ("ガーデン", "ｶﾞｰﾃﾞﾝ"),
        ("Home > Car Parts", "home > car-parts", f"HOME{ZERO_WIDTH} > Car_Parts"),
    ],
)
def test_spellings_that_differ_in_case_width_accents_form_or_what_is_invisible_are_one_label(
    spellings: Sequence[str],
) -> None:
    assert len({label_id(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C", "C++"), ("Décor", "Decor"), ("TShirt", "T-Shirt"), ("Shoe", "Shoes"), ("服饰", "服飾"), ("A+", "A"),
        ("Size 1", "Size 1.5"), ("R&D", "RD"), ("Home > Pans", "Garden > Pans"), ("Home > Pans", "Pans"),
    ],
)  # fmt: skip
def test_labels_that_differ_in_a_sign_stay_two(one: str, other: str) -> None:
    assert label_id(one) != label_id(other)


def test_an_id_can_be_read_and_leads_back_to_itself() -> None:
    assert label_id("Car Parts") == "car-parts"
    assert label_id("材质:纯棉") == "材质:纯棉"
    assert label_id("Home & Garden >  Kitchen > Frying Pans") == "home-&-garden > kitchen > frying-pans"


@given(st.text() | st.text("aB \u200b\u0301-_>ßİ´ﷺ\u1160\uffa0\x1f\x85"))
def test_an_id_of_an_id_is_the_same_and_a_name_is_another_spelling_of_its_label(word: str) -> None:
    assert fold(fold(word)) == fold(word)
    assert fold(clean_name(word)) == fold(word)


def test_a_name_is_shown_composed_and_without_what_is_invisible() -> None:
    assert clean_name(f"{BOM} De\u0301cor \x07 &{ZERO_WIDTH}  Lamps\n") == "Décor & Lamps"
    assert clean_name("نیم\u200cفاصله") == "نیم\u200cفاصله"  # Persian needs this one between its letters


def test_a_label_is_called_as_the_catalogue_mostly_writes_it() -> None:
    labels = Labels()
    for word in ("car-parts", "Car Parts", f"Car Parts{ZERO_WIDTH}", "CAR PARTS", "CAR PARTS", "Toys", "TOYS"):
        labels.number(word)
    assert labels.spellings == {"car-parts": "Car Parts", "toys": "Toys"}
    assert labels.number(ZERO_WIDTH) is None


@pytest.mark.parametrize(
    "categories",
    [
        ("Apparel", "Clothing", "Home", "Kitchen"),
        ("Food", "Grocery", "Beauty", "Cosmetics", "Automotive", "Auto"),
        ("apparel", "服饰", "home", "家居", "Electronics", "电子产品"),
        ("Fashion", "服装", "Home & Kitchen", "household"),
    ],
)
def test_categories_that_the_built_in_names_would_join_stay_what_the_shop_wrote(
    tmp_path: Path, categories: Sequence[str]
) -> None:
    taxonomy = derived(tmp_path, [("plain thing", category, [category, "x"]) for category in categories])
    assert sorted(taxonomy.category_ids) == sorted(label_id(category) for category in categories)
    assert sorted(taxonomy.tag_ids) == sorted(["x", *map(label_id, categories)])
    assert not any(label.synonyms for label in taxonomy.categories)
    for category in categories:
        assert taxonomy.find_category(category) == label_id(category)


def test_a_built_in_name_is_added_only_where_the_shop_has_no_such_category() -> None:
    assert names(derive_taxonomy(["home", "pets", "apparel", "服饰"], {}).categories) == {
        "apparel": {"en": "Apparel"},
        "home": {"en": "Home", "zh": "家居"},
        "pets": {"en": "pets"},
        "服饰": {"zh": "服饰"},
    }
    assert names(derive_taxonomy(BUILT_IN_NAMES, {}).categories) == BUILT_IN_NAMES


def test_rare_tags_are_left_out_and_the_others_carry_the_shop_s_names() -> None:
    counts = {"wood": 12, "rare": 2, "材质:棉": 10}
    taxonomy = derive_taxonomy(["home"], counts, min_tag_products=10, tag_names={"wood": {"en": "Wood"}})
    assert names(taxonomy.tags) == {"wood": {"en": "Wood"}, "材质:棉": {"zh": "材质:棉"}}


def test_a_tag_and_a_category_of_one_id_keep_a_name_each(tmp_path: Path) -> None:
    taxonomy = derived(tmp_path, [("plain thing", "GARDEN", ["Garden"])])
    assert names(taxonomy.categories) == {"garden": {"en": "GARDEN"}}
    assert names(taxonomy.tags) == {"garden": {"en": "Garden"}}


def test_a_category_of_which_nothing_can_be_seen_is_none_and_such_a_tag_is_dropped(tmp_path: Path) -> None:
    rows: list[tuple[str, str, list[str]]] = [("plain thing", "home", [ZERO_WIDTH, "oak"])] * 30 + [
        ("plain thing", ZERO_WIDTH, [])
    ]
    taxonomy = derived(tmp_path, rows)
    assert (taxonomy.category_ids, taxonomy.tag_ids) == (("home",), ("oak",))
    summary = json.loads((tmp_path / "build/catalog/summary.json").read_text())
    assert summary["rejects"]["reasons"] == {"no category": 10}


def test_two_leaves_of_one_name_under_different_parents_stay_two(tmp_path: Path) -> None:
    rows: list[tuple[str, str, list[str]]] = [
        ("pan", "Home > Pans", []),
        ("pan", "Camping > Pans", []),
        ("pan", "HOME >  pans", []),
        ("lid", "Home", []),
    ]
    assert names(derived(tmp_path, [*rows, rows[0]]).categories) == {
        "camping > pans": {"en": "Camping > Pans"},
        "home > pans": {"en": "Home > Pans"},
        "home": {"en": "Home", "zh": "家居"},
    }


def test_a_name_is_kept_under_the_language_of_its_products_or_of_its_script(tmp_path: Path) -> None:
    rows = [
        ("plain wooden thing", "Décor", ["Кухня", "サッカー", "축구", "ห้องครัว"]),
        ("连衣裙 夏季 新款", "apparel", ["夏季"]),
    ]
    taxonomy = derived(tmp_path, rows)
    assert names(taxonomy.categories) == {"apparel": {"en": "Apparel", "zh": "服饰"}, "décor": {"en": "Décor"}}
    assert names(taxonomy.tags) == {
        "кухня": {"ru": "Кухня"}, "サッカー": {"ja": "サッカー"}, "축구": {"ko": "축구"}, "ห้องครัว": {"th": "ห้องครัว"},
        "夏季": {"zh": "夏季"},
    }  # fmt: skip
    assert names(derive_taxonomy(["Décor", "Кухня"], {}).categories) == {
        "Décor": {"und": "Décor"}, "Кухня": {"ru": "Кухня"},
    }  # fmt: skip
