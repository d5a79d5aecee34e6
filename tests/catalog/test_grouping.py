"""Groups: variants and near-duplicates are together, other products apart, and what the catalogue says counts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.grouping import ProductKeys, large_groups
from catalog.grouping.titles import group_titles

COLOURS = ("Red", "Navy Blue", "Off White", "Dark Green", "Rose Gold", "Grey", "Beige", "Maroon", "Teal")


def groups_of(*titles: str) -> list[int]:
    return [int(group) for group in group_titles(titles)]


def groups_of_rows(*rows: tuple[str, str | None]) -> list[int]:
    """Groups (title, given group) rows whose text is the title."""
    keys = ProductKeys()
    for title, group in rows:
        keys.add(title, title, group)
    return [int(group) for group in keys.groups()]


@pytest.mark.parametrize(
    "titles",
    [
        pytest.param([f"Cotton T-Shirt for Men, {colour}, M" for colour in COLOURS], id="colours"),
        pytest.param([f"{colour} Mug" for colour in ("Red", "Blue", "Grey")], id="one-word-and-a-colour"),
        pytest.param([f"Silk Robe {size}" for size in ("S", "XL", "3XL", "Extra Large", "Free Size")], id="sizes"),
        pytest.param(["Bed Sheet, King", "Bed Sheet, Queen", "Bed Sheet King Size"], id="bed-sizes"),
        pytest.param(["Olive Oil 500 ml", "Olive Oil 1L", "Olive Oil, Pack of 2", "2 x Olive Oil 250ml"], id="packs"),
        pytest.param(["Fog Lamp XR-204", "Fog Lamp XR-310B", "XR-9 Fog Lamp"], id="models"),
        pytest.param(["Case for iPhone 14 Pro Max", "Case for iPhone 13", "iPhone 15 Case"], id="phones"),
        pytest.param(["Red Wool Scarf, XL", "Scarf Wool XL Red", "WOOL scarf (red / XL)"], id="order-case-and-marks"),
        pytest.param(["ｏａｋ　ｓｈｅｌｆ - ８０ｃｍ!", "Oak Shelf, 80cm", "OAK SHELF 60 cm"], id="width"),
        pytest.param(["纯棉T恤 男 红色 M", "纯棉T恤 男 藏青 XL", "男 纯棉T恤 军绿色 均码"], id="chinese-colours"),
        pytest.param(["酒红色真丝围巾", "真丝围巾深灰", "真丝围巾（米白）"], id="chinese-colours-without-spaces"),
        pytest.param(["保温杯500毫升", "保温杯 750ml", "保温杯1.5升 两只装", "保温杯 3只装"], id="chinese-counts"),
        pytest.param(
            ["Glass Vase Cream Double", "King Peach Glass Vase", "Glass Vase in Bronze, Queen"],
            id="shy-colours-and-sizes",
        ),
        pytest.param(
            ["Steel Vase Chocolate Brown L", "Steel Vase Heather Grey 12 inch", "Steel Vase | Grey Melange | EU 41"],
            id="shades",
        ),
        pytest.param(["Night Light - Red", "Night Light Blue", "Blue Night Light, M"], id="a-light-is-no-shade"),
        pytest.param(["Set of 8 Cream Steel Pans", "Steel Pans -- Red"], id="sets-and-dashes"),
        pytest.param(
            ["陶瓷碗 颜色:红色 规格:500g", "30包白陶瓷碗", "陶瓷碗-蓝色-四人", "陶瓷碗黑色"], id="chinese-labels"
        ),
        pytest.param(
            ["竹制水杯 湖水蓝", "太空银竹制水杯", "竹制水杯（深卡其）", "竹制水杯樱桃红1.8米", "1.8米灰粉竹制水杯"],
            id="chinese-tints",
        ),
        pytest.param(["Hemd blau, Größe 42", "Hemd schwarz", "Hemd weiß GRÖSSE XL"], id="german"),
        pytest.param(["Рубашка хлопок, синий, M", "Рубашка хлопок, белый, XL"], id="russian"),
    ],
)
def test_variants_of_one_product_are_one_group(titles: list[str]) -> None:
    assert set(groups_of(*titles)) == {0}


@pytest.mark.parametrize(
    "titles",
    [
        pytest.param(["Cotton Shirt", "Linen Shirt", "Cotton Socks", "Cotton Shirt for Women"], id="materials"),
        pytest.param(["Cotton Shirt, Red", "Linen Shirt, Red", "Silk Shirt, Blue"], id="materials-in-colours"),
        pytest.param(["Green Tea 100 g", "Black Tea 100 g", "White Tea Bags", "Mint Tea"], id="teas"),
        pytest.param(["Red Wine", "White Wine", "Brown Rice 1 kg", "White Rice 1 kg", "Black Pepper"], id="foods"),
        pytest.param(["绿茶 250g", "红茶 250g", "黑芝麻", "白芝麻", "红豆", "绿豆"], id="chinese-foods"),
        pytest.param(["抹茶粉 100g", "奶茶粉 100g", "咖啡 100g", "金属杯", "杯架"], id="chinese-powders-and-metals"),
        pytest.param(["纯棉衬衫男", "亚麻衬衫男", "纯棉衬衫女", "纯棉裤男"], id="chinese-kinds"),
        pytest.param(
            ["Northwind oak shelf 80 cm", "Northwind steel bottle 500 ml", "Northwind shampoo"], id="one-brand"
        ),
        pytest.param(["", "ab", "手机", "Red", "Blue", "XL", "42"], id="short-and-empty"),
    ],
)
def test_different_products_stay_apart(titles: list[str]) -> None:
    assert groups_of(*titles) == list(range(len(titles)))


def test_a_colour_that_no_list_has_is_learnt_from_other_products() -> None:
    products = ("Cotton T-Shirt for Men", "Linen Apron", "Wool Scarf")
    rows = [f"{product}, {colour}" for product in products for colour in ("Red", "Blue", "Zorblex", "Quintle Fawn")]
    assert groups_of(*rows) == [0] * 4 + [4] * 4 + [8] * 4


def test_a_colour_in_chinese_that_no_list_has_is_learnt_inside_a_run_of_characters() -> None:
    products = ("纯棉衬衫男", "亚麻围裙", "陶瓷饭盒")
    rows = [colour + product for product in products for colour in ("红色", "藏青", "远山", "月魄")]
    assert groups_of(*rows) == [0] * 4 + [4] * 4 + [8] * 4


def test_a_brand_beside_colours_is_no_colour() -> None:
    brands = ("Kestrel", "Harbour", "Bryant")
    rows = [
        f"{brand} {thing}, {colour}" for brand in brands for thing in ("Shirt", "Cap") for colour in ("Red", "Blue")
    ]
    rows += [f"{thing}, {colour}" for thing in ("Shirt", "Cap") for colour in ("Red", "Blue")]
    assert len(set(groups_of(*rows))) == 8


def test_a_word_that_goes_with_one_colour_only_is_part_of_its_name() -> None:
    products = ("Padded Vest for Running", "Ribbed Kaftan", "Foldable Monitor Arm")
    rows = [
        f"{product} {colour}" for product in products for colour in ("Red", "Blue", "Zorblex White", "Aqua Quintle")
    ]
    assert groups_of(*rows) == [0] * 4 + [4] * 4 + [8] * 4


def test_characters_that_go_with_one_colour_only_are_part_of_its_name() -> None:
    products = ("冰丝阔腿裤学生", "棉麻吊带裙", "搪瓷收纳篮ins风")
    rows = [
        f"{product}{colour} 90cm" for product in products for colour in ("黑色", "红色", "砂砾白", "竹青", "珠贝色")
    ]
    assert groups_of(*rows) == [0] * 5 + [5] * 5 + [10] * 5


def test_a_product_line_that_comes_in_several_colours_is_no_colour() -> None:
    things = ("Shoes", "Cap", "Shirt")
    rows = [f"{line}{colour} {thing}" for thing in things for line in ("", "Kestrel ") for colour in ("Red", "Blue")]
    assert len(set(groups_of(*rows))) == 6


def test_a_colour_of_one_product_is_learnt_where_the_product_comes_in_sizes_and_many_colours() -> None:
    colours = ("Red", "Blue", "Green", "Zorblex", "Quintle Brown")
    rows = [f"Oversized Skirt for Ladies {colour} {size}" for colour in colours for size in ("S", "M")]
    assert set(groups_of(*rows)) == {0}
    assert len(set(groups_of("Skirt Red", "Skirt Blue", "Skirt Green", "Skirt Deluxe"))) == 2


def test_long_titles_that_differ_in_a_word_are_near_duplicates() -> None:
    words = [f"word{letter}" for letter in "abcdefghijklmnop"]
    long, other = " ".join(words), " ".join([*words[:-1], "wordz"])
    assert groups_of(long, "Oak shelf", other, long + " free shipping", " ".join(words[:8])) == [0, 1, 0, 0, 4]


def test_a_chain_of_small_differences_does_not_grow_into_one_group() -> None:
    words = [f"{first}{second}ord" for first, second in itertools.product("abcdefgh", "rstuvwxy")]
    titles = [" ".join(words[start : start + 16]) for start in range(48)]
    sizes = np.bincount(group_titles(titles))
    assert 2 <= sizes.max() <= 5


def test_a_given_group_is_never_torn_whatever_its_titles() -> None:
    assert groups_of_rows(("Oak shelf", "p1"), ("Steel bottle", "p2"), ("Wool scarf", "p1")) == [0, 1, 0]


def test_two_given_groups_are_not_joined_by_titles_unless_a_text_is_the_same() -> None:
    first = [("Cotton Shirt, Red", "a"), ("Cotton Shirt, Blue", "a")]
    second = [("Cotton Shirt, Green", "b"), ("Cotton Shirt, Black", "b")]
    assert groups_of_rows(*first, *second) == [0, 0, 2, 2]
    assert groups_of_rows(*first, ("cotton  shirt, RED", "b"), *second) == [0] * 5


def test_a_product_without_a_group_joins_the_first_group_of_its_title_and_the_groups_stay_apart() -> None:
    rows = [("Cotton Shirt, Red", "a"), ("Cotton Shirt, Blue", "a"), ("Cotton Shirt, Grey", "b"), ("Cotton Shirt", "b")]
    assert groups_of_rows(("Cotton Shirt, Pink", None), *rows, ("Cotton Shirt, Teal", None)) == [0, 0, 0, 3, 3, 0]


@pytest.mark.parametrize(
    "form", ["Test lamp no. {}", "Test lamp {} litres, red", "{} steel bottle of 750 ml", "台灯 {} 款 白色"]
)
@pytest.mark.parametrize("step", [1, 4])
def test_products_that_are_counted_are_not_variants(form: str, step: int) -> None:
    titles = [form.format(number * step) for number in range(30)]
    assert groups_of(*titles) == list(range(30))
    assert groups_of(*titles, *titles)[30:] == list(range(30))


def test_sizes_and_models_with_many_numbers_are_variants_all_the_same() -> None:
    assert set(groups_of(*(f"Running shoe {size}" for size in range(35, 48)))) == {0}
    assert set(groups_of(*(f"Galaxy case {model}" for model in range(1003, 9900, 311)))) == {0}


def test_a_group_that_holds_a_third_of_a_category_is_found() -> None:
    groups = np.array([0] * 10 + list(range(10, 28)) + [28, 28, 28, 31])
    categories = np.array([7] * 28 + [3] * 4)
    (found,) = large_groups(groups, categories)
    assert (found.first, found.category, found.products, found.of) == (0, 7, 10, 28)


@pytest.mark.parametrize(
    "titles",
    [
        pytest.param(["x" * 100_000, "y" * 100_000], id="one-long-word"),
        pytest.param(["1-" * 50_000, "红" * 50_000], id="long-chains"),
        pytest.param(["\ud800 shirt", "\x00", "\u200b", "ﷺ" * 20_000], id="odd-characters"),
    ],
)
def test_hostile_titles_are_read_all_the_same(titles: Sequence[str]) -> None:
    assert len(group_titles(titles)) == len(titles)


@given(st.lists(st.text("aZ9红\u0301 -–—'./×|_,", max_size=12) | st.text(max_size=20), max_size=6))
def test_any_titles_are_read(titles: list[str]) -> None:
    assert len(group_titles(titles)) == len(titles)
