"""The text a client sends is the text training started from, whatever file it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.readers import read_products
from product_tagger_client.bulk.rows import read_rows
from product_tagger_files import Product, ReadOptions, Reject, estimate_rows

ROWS: list[dict[str, Any]] = [
    {"id": "plain", "title": "Cotton dress", "description": "For summer"},
    {"id": 7, "title": "an id that is a number"},
    {"id": " spaced ", "title": " kept  as it is ", "description": "two\nlines"},
    {"title": "no id"},
    {"id": "", "title": "an empty id"},
    {"id": "only-description", "title": "  ", "description": "words"},
    {"id": "attributes", "title": "t", "attributes": {"material": "cotton", "size": 42, "empty": " ", "none": None}},
    {"id": "listed", "title": "t", "attributes": {"colours": ["red", None, 3]}},
    {"id": "json", "title": "t", "attributes": '{"material": "cotton"}'},
    {"id": "pairs", "title": "t", "attributes": "material: cotton; size = 42；颜色：红"},
    {"id": "no pairs", "title": "t", "attributes": "cotton"},
    {"id": "nested", "title": "t", "attributes": {"size": {"eu": 42}}},
    {"id": "number", "title": "t", "attributes": 42},
    {"id": "brokenjson", "title": "t", "attributes": "{material"},
    {"id": "empty attributes", "title": "t", "attributes": ""},
    {"id": "number as a title", "title": 501},
    {"id": "list as a title", "title": ["a"]},
    {"id": "true", "title": True},
    {"id": "nothing"},
    {"id": "blank", "title": " ", "description": "\t", "attributes": {"a": "b"}},
    {"id": "nan", "title": float("nan"), "description": "d"},
    {"id": "half \ud800", "title": "t"},
    {"id": "中文", "title": "夏季连衣裙", "description": "100% 棉", "attributes": {"尺码": "XL"}},
]
RAW = [b"", b"   ", b"{broken", b"[1]", b'"text"', b'{"title": "\xff"}', b"null"]
CSV = (
    b"\xef\xbb\xbfid,title,description,attributes,price\r\n"
    b'1,"Dress, cotton",d,"{""a"": ""b""}",5\r\n'
    b'2,"two\r\nlines",,a: b; c: d,5\r\n'
    b"\r\n"
    b"3,too few\r\n"
    b"4,bytes \xff\xfe,d,,5\r\n"
    b",no id,d,,5\r\n5,,,,5\r\n6,last,d,,5"
)


def from_catalog(path: Path, columns: dict[str, str]) -> list[tuple[int, str | None, str]]:
    """Line, id and text as training has them; a rejected row has no text."""
    return [
        (row.line, None, "") if isinstance(item, Reject) else (row.line, item.id, item.raw_text)
        for row, item in read_products(path, ReadOptions(columns), text_only=True)
        if isinstance(item, (Product, Reject))
    ]


def from_client(path: Path, columns: dict[str, str]) -> list[tuple[int, str | None, str]]:
    """The same as the client has them."""
    return [(row.line, None if row.problem else row.id, row.text) for row in read_rows(path, ReadOptions(columns))]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, tuple[Path, dict[str, str]]]:
    lines = [json.dumps(row).encode() for row in ROWS] + RAW
    (tmp_path / "shop.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    renamed = [json.dumps({"name" if key == "title" else key: value for key, value in row.items()}) for row in ROWS]
    (tmp_path / "renamed.jsonl").write_text("\n".join(renamed))
    (tmp_path / "shop.csv").write_bytes(CSV)
    (tmp_path / "semicolons.csv").write_bytes(b"id;title\n1;a\n2;b\n")
    (tmp_path / "shop.tsv").write_bytes(b"id\ttitle\tattributes\n1\ta, b\tx: y\n2\tonly two\n")
    plain: dict[str, dict[str, str]] = {name: {} for name in ("shop.jsonl", "shop.csv", "semicolons.csv", "shop.tsv")}
    return {
        name: (tmp_path / name, columns) for name, columns in (plain | {"renamed.jsonl": {"title": "name"}}).items()
    }


@pytest.mark.parametrize("name", ["shop.jsonl", "renamed.jsonl", "shop.csv", "semicolons.csv", "shop.tsv"])
def test_the_client_reads_each_row_as_the_catalogue_does(
    files: dict[str, tuple[Path, dict[str, str]]], name: str
) -> None:
    path, columns = files[name]
    expected = from_catalog(path, columns)
    assert from_client(path, columns) == expected
    assert any(text for _, _, text in expected)


def test_an_unclosed_quote_is_a_problem_and_no_silence(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b'id,title\n1,a\n2,"never, closed\n3,c\n')
    rows = list(read_rows(tmp_path / "in.csv", ReadOptions()))
    assert [(row.line, row.problem is None) for row in rows] == [(2, True), (3, False)]


def test_skipped_rows_are_those_at_the_beginning(files: dict[str, tuple[Path, dict[str, str]]]) -> None:
    for path, columns in files.values():
        everything = list(read_rows(path, ReadOptions(columns)))
        for skip in (1, len(everything) - 1, len(everything), len(everything) + 1):
            assert list(read_rows(path, ReadOptions(columns), skip)) == everything[skip:]


def test_rows_are_counted_without_reading_them(files: dict[str, tuple[Path, dict[str, str]]], tmp_path: Path) -> None:
    assert estimate_rows(files["semicolons.csv"][0]) == 2
    (tmp_path / "x.jsonl.gz").write_bytes(b"")
    assert estimate_rows(tmp_path / "x.jsonl.gz") is None
