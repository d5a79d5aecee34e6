"""The cells of a row in every notation that shops' tools write, and what is told of those that say nothing."""

from __future__ import annotations

import datetime
import decimal
import json
import math
import uuid
from typing import Any

import pytest

from product_tagger_files import Note, Notes, Product
from product_tagger_files.errors import RowError
from product_tagger_files.fields import product_from_row

OAK = {"title": "Oak shelf", "category": "home"}


def read(notes: Notes | None = None, **cells: Any) -> Product:
    return product_from_row({**OAK, **cells}, default_id="shop:7", require_category=True, notes=notes)


def reason(**cells: Any) -> str:
    with pytest.raises(RowError) as caught:
        read(**cells)
    json.dumps(caught.value.detail)
    return caught.value.reason


@pytest.mark.parametrize(
    "word", ["nan", "NaN", "None", "NULL", "null", "N/A", "n/a", "#N/A", "-", "--", "—", "<NA>", "\\N", "#REF!", "?"]
)
def test_a_word_for_missing_is_missing_in_every_field_and_counted(word: str) -> None:
    notes = Notes()
    fields = ("id", "lang", "description", "attributes", "tags", "views", "clicks", "purchases")
    assert read(notes, **dict.fromkeys(fields, word)) == Product("shop:7", title="Oak shelf", category="home")
    assert notes.to_json() == {"missing": dict.fromkeys(fields, 1)}
    assert reason(category=word) == "no category"
    assert reason(title=word) == "no text"


@pytest.mark.parametrize("word", ["NA", "na", "none", "Null", "nil", "无", "暂无"])
def test_words_that_may_be_names_are_missing_only_where_a_label_is_expected(word: str) -> None:
    assert reason(category=word) == "no category"
    product = read(title=word, tags=word, attributes={"brand": word})
    assert (product.title, product.tags, product.attributes) == (word, (), {"brand": word})


def test_a_brand_none_and_a_lining_none_are_kept() -> None:
    assert read(attributes="brand: None; lining: none; colour: nan").attributes == {"brand": "None", "lining": "none"}


def test_missing_numbers_of_pandas_are_missing_in_lists_and_objects() -> None:
    notes = Notes()
    nan = math.nan
    product = read(notes, tags=[nan, "wood", None], attributes={"colour": nan, "size": "M"}, description=nan, id=nan)
    assert (product.tags, product.attributes, product.id) == (("wood",), {"size": "M"}, "shop:7")
    assert read(notes, tags=nan, attributes=nan).tags == ()
    assert notes.to_json() == {"missing": {"attributes": 2, "tags": 2, "description": 1, "id": 1}}


def test_what_is_missing_is_told_with_fields_numbers_and_examples() -> None:
    notes = Notes()
    for word in ("nan", "None", "nan"):
        read(notes, tags=word)
    read(notes, views="lots")
    missing, counts = notes.sentences()
    assert missing == "Missing, written as a word: tags 3 ('nan', 'None')."
    assert counts.startswith("Not a count, taken as missing: views 1 ('lots').") and "1.2k" in counts


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ('{wood,"living room"}', ("wood", "living room")),
        ('{"a,b",NULL,c\\"d}', ("a,b", 'c\\"d')),
        ("{{wood,oak},{summer}}", ("wood", "oak", "summer")),
        ("{wood}", ("wood",)),
        ("{}", ()),
        ("['wood', 'living room']", ("wood", "living room")),
        ("""['men\\'s', "women's", nan, None]""", ("men's", "women's")),
        ("['wood' 'oak']", ("wood", "oak")),
        ("[wood, living room]", ("wood", "living room")),
        ("{'wood', 'oak'}", ("wood", "oak")),
        ('["a,b", "c"]', ("a,b", "c")),
        ("[{'name': 'wood'}, {'name': 'oak'}]", ("wood", "oak")),
        ([{"name": "hose"}, {"id": 3, "name": "garden"}], ("hose", "garden")),
        ([{"slug": "hose"}, None], ("hose",)),
        ([["wood"], ["oak", "summer"]], ("wood", "oak", "summer")),
        (["dress", " ", None, "dress", 5, 2024.0], ("dress", "5", "2024")),
        (7, ("7",)),
        (b"wood,oak", ("wood", "oak")),
        ("wood\noak\r\nsummer", ("wood", "oak", "summer")),
        ("wood / oak", ("wood", "oak")),
        ("A/C, w/ remote", ("A/C", "w/ remote")),
        ("木、夏季，客厅；北欧｜新品", ("木", "夏季", "客厅", "北欧", "新品")),
        ('"oak, oiled", wood', ("oak, oiled", "wood")),
        ('15" laptop; sleeve', ('15" laptop', "sleeve")),
        ('"oak, wood', ('"oak', "wood")),
        ("colour:red,blue|size:M", ("colour:red,blue", "size:M")),
        ("colour:red, size:M", ("colour:red", "size:M")),
        ("颜色：红，蓝；尺码：M", ("颜色：红，蓝", "尺码：M")),
        ("#wood #livingroom", ("wood", "livingroom")),
        ("C#, F#", ("C#", "F#")),
        ("wood, nan, -", ("wood",)),
    ],
)
def test_tags_are_read_in_every_notation(written: Any, tags: tuple[str, ...]) -> None:
    assert read(tags=written).tags == tags


@pytest.mark.parametrize("written", [True, [True], {"a": 1}, [{"a": 1}], "[" * 5000 + "]" * 5000, 10**2000])
def test_tags_that_are_no_list_of_words_cost_their_row_and_nothing_else(written: Any) -> None:
    assert reason(tags=written) == "tags are not a list"


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("120", 120.0), ("1,200", 1200.0), ("1.200,5", 1200.5), ("1,200.5", 1200.5), ("1 200", 1200.0),
        ("1\u00a0200", 1200.0), ("1'200", 1200.0), ("1.200.300", 1_200_300.0), ("1.200", 1200.0),
        ("12.345", 12_345.0), ("0.200", 0.2), ("1.20", 1.2), ("1.200k", 1200.0), ("1,20,000", 120_000.0),
        ("1,2", 1.2), ("1.2k", 1200.0), ("1.2 M", 1_200_000.0), ("1万+", 10_000.0), ("约3千次", 3000.0),
        ("2.5亿", 250_000_000.0), ("5 lakh", 500_000.0), ("９８０", 980.0), ("1e5", 100_000.0), ("3+", 3.0),
        (b"12", 12.0), (decimal.Decimal("12.50"), 12.5), (0, 0.0), ("", None), (" ", None),
    ],
)  # fmt: skip
def test_counts_are_read_as_people_write_them(written: Any, count: float | None) -> None:
    notes = Notes()
    assert read(notes, views=written).views == count
    assert not notes


@pytest.mark.parametrize(
    "written",
    [int("9" * 401), 1e999, -1e999, -1, True, "many", "12%", "1e999", "9" * 401, "-5", "1.2.3", "1,2,3", "kk", [3], {},
     decimal.Decimal("1e9999"), decimal.Decimal("-Infinity"), "1 2 3", "٣"],
)  # fmt: skip
def test_what_is_no_count_is_missing_and_told_and_the_product_kept(written: Any) -> None:
    notes = Notes()
    assert read(notes, clicks=written).clicks is None
    assert notes.to_json() == {"no_count": {"clicks": 1}}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (decimal.Decimal("690000000000"), "690000000000"),
        (decimal.Decimal("7.50"), "7.5"),
        (6.94e12, "6940000000000"),
        (2**62, str(2**62)),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (b"\xff" * 16, "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        (b"\xff\x00", "ff00"),
        (b"sku-1", "sku-1"),
        (datetime.date(2026, 1, 31), "2026-01-31"),
        ("007", "007"),
        ("1.0", "1.0"),
    ],
)
def test_ids_of_every_type_are_read(written: Any, text: str) -> None:
    assert read(id=written).id == text


@pytest.mark.parametrize("written", ["6.94E+12", "6,94E+12", "7E+15"])
def test_an_id_in_excels_notation_is_none_and_told(written: str) -> None:
    notes = Notes()
    assert read(notes, id=written).id == "shop:7"
    (sentence,) = notes.sentences()
    assert "Excel" in sentence and written in sentence and "as text" in sentence


def test_bytes_of_a_text_are_utf8_or_cost_their_row() -> None:
    assert read(title="水管".encode(), category=b"garden").title == "水管"
    assert reason(title=b"\xff\xfe") == "undecodable bytes"


@pytest.mark.parametrize("character", ["\0", "\ud83d"])
def test_nul_and_half_characters_are_removed_and_told(character: str) -> None:
    notes = Notes()
    product = read(
        notes,
        id=f"a{character}",
        title=f"Oak{character} shelf",
        category=f"ho{character}me",
        tags=[f"wo{character}od"],
        attributes={"size": f"{character}M"},
    )
    assert product == Product("a", title="Oak shelf", category="home", tags=("wood",), attributes={"size": "M"})
    assert notes.count(Note.HALF_CHARACTERS) == 5
    "".join((product.title, *notes.sentences())).encode()


@pytest.mark.parametrize(
    ("written", "attributes"),
    [
        ("材质：棉；size=S", {"材质": "棉", "size": "S"}),
        ("{'colour': 'red', 'size': None}", {"colour": "red"}),
        ({"size": ["S", "M"], "set": True, "width": 1.0}, {"size": "S, M", "set": "True", "width": "1"}),
        ({"box": {"width": 3, "unit": "cm"}}, {"box.width": "3", "box.unit": "cm"}),
        ([("wood", "oak"), ("oiled", None)], {"wood": "oak"}),
        ([{"name": "Colour", "value": "red"}, {"Name": "Size", "Value": ["S"]}], {"Colour": "red", "Size": "S"}),
        ('[{"key": "Colour", "value": "red"}]', {"Colour": "red"}),
        (b"size: S", {"size": "S"}),
        ({"made": datetime.date(2026, 1, 31), "cost": decimal.Decimal("1.50")}, {"made": "2026-01-31", "cost": "1.5"}),
    ],
)  # fmt: skip
def test_attributes_are_read_in_every_notation(written: Any, attributes: dict[str, str]) -> None:
    assert read(attributes=written).attributes == attributes


@pytest.mark.parametrize("written", ["oak", ["oak"], 7, {"a": {"b": {"c": {"d": 1}}}}, "[" * 5000 + "]" * 5000])
def test_attributes_that_are_no_pairs_cost_their_row(written: Any) -> None:
    assert reason(attributes=written) == "attributes are not pairs"
