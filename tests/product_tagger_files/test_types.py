"""Parquet as databases write it, and rows that anybody may send."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from product_tagger_files import FIELDS, Notes, Product, Reject, read_products
from product_tagger_files.errors import RowError
from product_tagger_files.fields import product_from_row


def read_table(tmp_path: Path, columns: dict[str, Any]) -> list[Product]:
    path = tmp_path / "shop.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    items = [item for _, item in read_products(path) if item is not None]
    assert not [item for item in items if isinstance(item, Reject)]
    return [item for item in items if isinstance(item, Product)]


OAK = {"title": ["Oak", "Elm"], "category": ["home", "home"]}
IDS = {
    "decimal": (pyarrow.array([decimal.Decimal("690000000000"), decimal.Decimal("7")], pyarrow.decimal128(20, 0)),
                ["690000000000", "7"]),
    "decimal with cents": (pyarrow.array([decimal.Decimal("7.50"), decimal.Decimal("8.00")]), ["7.5", "8"]),
    "int64": (pyarrow.array([2**62, -1], pyarrow.int64()), [str(2**62), "-1"]),
    "float": (pyarrow.array([6940000000000.0, 1.0]), ["6940000000000", "1"]),
    "uuid": (pyarrow.array([uuid.UUID(int=1).bytes, b"\xff" * 16], pyarrow.binary(16)),
             ["00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
    "date": (pyarrow.array([datetime.date(2026, 1, 31), None]), ["2026-01-31", "shop:2"]),
    "dictionary": (pyarrow.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", IDS)
def test_ids_of_every_parquet_type_are_read(tmp_path: Path, kind: str) -> None:
    ids, texts = IDS[kind]
    assert [product.id for product in read_table(tmp_path, {"id": ids, **OAK})] == texts


def test_binary_texts_dictionaries_and_float_categories_are_read(tmp_path: Path) -> None:
    columns = {
        "title": pyarrow.array(["水管".encode(), b"Hose"]),
        "description": pyarrow.array([b"20 m", None]),
        "category": pyarrow.array([1.0, 2.0]),
        "tags": pyarrow.array(["garden, 水", None]).dictionary_encode(),
        "views": pyarrow.array([decimal.Decimal("12"), None]),
    }
    assert read_table(tmp_path, columns) == [
        Product("shop:1", title="水管", description="20 m", category="1", tags=("garden", "水"), views=12.0),
        Product("shop:2", title="Hose", category="2"),
    ]


def test_lists_of_structs_are_tags_attributes_and_paths(tmp_path: Path) -> None:
    columns = {
        "title": ["Hose"],
        "category": pyarrow.array([[{"id": 1, "name": "Garden"}, {"id": 7, "name": "Hoses"}]]),
        "tags": pyarrow.array([[{"name": "hose", "slug": "h"}, {"name": None, "slug": "x"}, None]]),
        "attributes": pyarrow.array([{"size": {"width": 2, "unit": "cm"}, "colour": ["red", "green"], "none": None}]),
    }
    assert read_table(tmp_path, columns) == [
        Product(
            "shop:1", title="Hose", category="Garden > Hoses", tags=("hose",),
            attributes={"size.width": "2", "size.unit": "cm", "colour": "red, green"},
        )
    ]  # fmt: skip


TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)  # half characters too
CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.binary(max_size=8) | TEXTS
    | st.sampled_from(["[[", "{a,", "['a', nan]", "{'a': {1}}", "a > ", "1e999", "a | b > c"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), CELLS))
def test_any_row_is_a_product_that_can_be_written_or_a_reject(row: dict[str, Any]) -> None:
    notes = Notes()
    try:
        product = product_from_row(row, default_id="shop:1", require_category=False, notes=notes)
    except RowError as error:
        json.dumps([error.reason, error.detail]).encode()
        return
    words = [product.id, product.raw_text, product.category or "", product.group or "", *product.tags]
    "".join(words).encode("utf-8")
    assert all("\0" not in word for word in words)
    assert all(count is None or 0 <= count <= 1e15 for count in (product.views, product.clicks, product.purchases))
    "".join(notes.sentences()).encode("utf-8")
