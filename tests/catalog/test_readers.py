"""Readers: every format, every way a row can be broken, and nothing lost in silence."""

from __future__ import annotations

import csv
import gzip
import json
import logging
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from catalog.readers import CatalogError, read_products
from product_tagger_files import Product, ReadOptions, Reject

FULL: dict[str, Any] = {
    "id": "sku-1",
    "group": 7001,
    "lang": "zh-CN",
    "title": "连衣裙",
    "description": "夏季",
    "attributes": {"材质": "棉", "size": ["S", "M"]},
    "category": "apparel",
    "tags": ["dress", "summer"],
    "views": 120,
    "clicks": 14,
    "purchases": 3,
}
EXPECTED = Product(
    "sku-1",
    "7001",
    "zh",
    "连衣裙",
    "夏季",
    {"材质": "棉", "size": "S, M"},
    "apparel",
    ("dress", "summer"),
    120.0,
    14.0,
    3.0,
)


def write_jsonl(path: Path, *lines: Any) -> Path:
    data = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def products(path: Path, columns: dict[str, str] | None = None, **options: Any) -> list[Product]:
    read = read_products(path, ReadOptions(columns or {}), **options)
    return [item for _, item in read if isinstance(item, Product)]


def rejects(path: Path, **options: Any) -> list[Reject]:
    return [item for _, item in read_products(path, **options) if isinstance(item, Reject)]


@pytest.mark.parametrize("name", ["shop.jsonl", "shop.jsonl.gz", "shop.ndjson"])
def test_json_lines_give_the_whole_record(tmp_path: Path, name: str) -> None:
    assert products(write_jsonl(tmp_path / name, FULL)) == [EXPECTED]


@pytest.mark.parametrize(
    ("name", "delimiter"), [("shop.csv", ","), ("shop.tsv", "\t"), ("shop.csv", ";"), ("shop.tsv.gz", "\t")]
)
def test_delimited_files_give_the_whole_record(tmp_path: Path, name: str, delimiter: str) -> None:
    path = tmp_path / name
    opener: Any = gzip.open if name.endswith(".gz") else open
    with opener(path, "wt", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(FULL)
        attributes = json.dumps(FULL["attributes"])
        writer.writerow(
            [attributes if k == "attributes" else "dress|summer" if k == "tags" else v for k, v in FULL.items()]
        )
    assert products(path) == [EXPECTED]


def test_parquet_gives_the_whole_record(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    row = {**FULL, "attributes": {"材质": "棉", "size": "S, M"}}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), path)
    assert products(path) == [EXPECTED]


def test_parquet_maps_and_missing_cells_are_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    schema = pyarrow.schema(
        [("title", pyarrow.string()), ("category", pyarrow.string()), ("tags", pyarrow.list_(pyarrow.string())),
         ("attributes", pyarrow.map_(pyarrow.string(), pyarrow.string())), ("views", pyarrow.float64())]
    )  # fmt: skip
    rows = [
        {"title": "Oak shelf", "category": "home", "tags": None, "attributes": [("wood", "oak")], "views": None},
        {"title": None, "category": "home", "tags": [], "attributes": None, "views": 1.0},
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), path)
    assert products(path) == [Product("shop:1", title="Oak shelf", category="home", attributes={"wood": "oak"})]
    assert [(reject.line, reject.reason) for reject in rejects(path)] == [(2, "no text")]


def test_undecodable_bytes_in_parquet_reject_their_row_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    offsets = pyarrow.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 3, 4, 7)))
    titles = pyarrow.StringArray.from_buffers(3, offsets, pyarrow.py_buffer(b"Oak\xffElm"))
    table = pyarrow.table({"title": titles, "category": pyarrow.array(["home"] * 3)})
    pyarrow.parquet.write_table(table, path)
    assert [product.title for product in products(path)] == ["Oak", "Elm"]
    assert [(reject.line, reject.reason) for reject in rejects(path)] == [(2, "undecodable bytes")]


def test_a_column_mapping_renames_the_shops_own_columns(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "shop.jsonl", {"name": "Oak shelf", "shelf": "home", "title": "ignored"})
    columns = {"title": "name", "category": "shelf"}
    assert products(path, columns=columns) == [Product("shop:1", title="Oak shelf", category="home")]


def test_a_mapped_column_that_is_missing_is_an_error_that_lists_the_columns(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("name,shelf\nOak,home\n")
    with pytest.raises(CatalogError, match=r"no column 'nam'.*'title'.*name, shelf"):
        products(tmp_path / "shop.csv", columns={"title": "nam"})


def test_a_file_without_any_text_column_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("name,category\nOak,home\n")
    with pytest.raises(CatalogError, match=r"neither a column 'title' nor 'description'.*name, category"):
        products(tmp_path / "shop.csv")


def test_unknown_columns_are_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    row = {"title": "Oak", "category": "home", "colour": "brown"}
    products(write_jsonl(tmp_path / "shop.jsonl", row, row, {**row, "size": 2}))
    assert caplog.messages == [
        "shop.jsonl: ignoring unknown columns: colour",
        "shop.jsonl: ignoring unknown columns: size",
    ]


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"{broken", "broken JSON", "line is not JSON"),
        (b"[" * 100_000, "broken JSON", "not JSON"),
        (b'["a list"]', "not an object", "a JSON list"),
        (
            b'{"title": "\xff\xfe", "category": "x"}',
            "undecodable bytes",
            "character 12 of the row (byte 0xff) is not UTF-8",
        ),
        ({"category": "home"}, "no text", "neither title nor description"),
        ({"title": "  \n", "category": "home"}, "no text", "neither title nor description"),
        ({"title": "Oak"}, "no category", "empty"),
        ({"title": "Oak", "category": " "}, "no category", "empty"),
        ({"title": ["Oak"], "category": "home"}, "title is not a text", "['Oak']"),
        ({"title": "Oak", "category": "home", "tags": {"a": 1}}, "tags are not a list", "not a list of words"),
        ({"title": "Oak", "category": "home", "attributes": "oak"}, "attributes are not pairs", "key: value"),
        ({"title": "Oak", "category": "home", "attributes": ["oak"]}, "attributes are not pairs", "['oak']"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_with_its_line_and_reason(
    tmp_path: Path, line: Any, reason: str, detail: str
) -> None:
    good = {"title": "Oak", "category": "home"}
    path = write_jsonl(tmp_path / "shop.jsonl", good, b"", line, good)
    (reject,) = rejects(path)
    assert (reject.file, reject.line, reject.reason) == ("shop.jsonl", 3, reason)
    assert detail in reject.detail
    assert [product.id for product in products(path)] == ["shop:1", "shop:4"]
    json.dumps(reject.to_json())


def test_a_row_without_a_category_is_fine_where_none_is_needed(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "shop.jsonl", {"title": "Oak"})
    assert products(path, text_only=True) == [Product("shop:1", title="Oak")]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("dress, summer", ("dress", "summer")),
        ("dress|summer;dress", ("dress", "summer")),
        ("连衣裙，夏季、棉", ("连衣裙", "夏季", "棉")),
        ('["a,b", "c"]', ("a,b", "c")),
        (["dress", " ", None, "dress", 5], ("dress", "5")),
        ("", ()),
        (None, ()),
    ],
)
def test_tags_are_read_in_every_notation(tmp_path: Path, written: Any, read: tuple[str, ...]) -> None:
    (product,) = products(write_jsonl(tmp_path / "shop.jsonl", {"title": "Oak", "category": "x", "tags": written}))
    assert product.tags == read


@pytest.mark.parametrize("written", ["材质：棉；size=S", "材质: 棉 | size: S", '{"材质": "棉", "size": "S"}'])
def test_attributes_are_read_in_every_notation(tmp_path: Path, written: str) -> None:
    row = {"title": "Oak", "category": "x", "attributes": written}
    (product,) = products(write_jsonl(tmp_path / "shop.jsonl", row))
    assert product.attributes == {"材质": "棉", "size": "S"}


def test_counts_may_have_thousands_and_may_be_missing(tmp_path: Path) -> None:
    row = {"title": "Oak", "category": "x", "views": "1,200", "clicks": "", "purchases": float("nan")}
    (product,) = products(write_jsonl(tmp_path / "shop.jsonl", row))
    assert (product.views, product.clicks, product.purchases) == (1200.0, None, None)


def test_a_csv_row_with_one_or_too_many_cells_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("id,title,category\na,Oak,home\nb\nc,Oak,home,extra\n\nd,Elm,home\n")
    assert [(r.line, r.reason) for r in rejects(tmp_path / "shop.csv")] == [
        (3, "wrong column count"),
        (4, "wrong column count"),
    ]
    assert [product.id for product in products(tmp_path / "shop.csv")] == ["a", "d"]


def test_a_csv_row_over_several_lines_keeps_the_count_of_lines_right(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text('id,title,category\na,"Oak\nshelf",home\nb,,home\n')
    assert products(tmp_path / "shop.csv") == [Product("a", title="Oak\nshelf", category="home")]
    assert [(r.line, r.reason) for r in rejects(tmp_path / "shop.csv")] == [(4, "no text")]


def test_undecodable_bytes_in_csv_reject_their_row_alone(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(b"id,title,category\na,Oak,home\nb,\xb0\xa1,home\nc,Elm,home\n")
    assert [(r.line, r.reason) for r in rejects(tmp_path / "shop.csv")] == [(3, "undecodable bytes")]
    assert [product.id for product in products(tmp_path / "shop.csv")] == ["a", "c"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("shop.xlsx", b"", "not a whole Excel workbook"),
        ("shop.xls", b"", "no known format: .*save it as .xlsx, or as CSV UTF-8"),
        ("shop", b"", "no known format"),
        ("shop.jsonl.gz", b"not gzip", "not a whole gzip"),
        ("shop.jsonl.gz", gzip.compress(b'{"title": "Oak", "category": "x"}\n' * 9, mtime=0)[:-12], "not a whole gzip"),
        ("shop.parquet", b"not parquet", "not a whole Parquet"),
        ("shop.csv", b"", "is empty; its first line must name the columns"),
        ("shop.csv", b"title,title,category\n", "'title', the title, is there twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogError, match=message):
        products(tmp_path / name)


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"nowhere.jsonl can't be read \(No such file"):
        products(tmp_path / "nowhere.jsonl")
