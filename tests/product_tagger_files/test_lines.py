"""Every line of a file is in a product, in a reject, or told to hold no row."""

from __future__ import annotations

from pathlib import Path

import pytest

from product_tagger_files import FileError, Product, ReadOptions, Reject, read_products

JSON_LINES = b'\n{"title": "Oak"}\n{broken\n\n{"title": "Elm"}\n[1]\n'
CSV = b'title,category\nOak,home\n\n"two\nlines",home\na,b,c\n"\xff",home\n'


@pytest.mark.parametrize(("name", "content"), [("shop.jsonl", JSON_LINES), ("shop.csv", CSV)])
def test_the_rows_of_a_file_cover_its_lines_without_a_gap(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    rows = [row for row, _ in read_products(tmp_path / name, text_only=True)]
    following = 1
    for row in rows:
        assert row.line == following
        following += row.lines
    assert following - 1 == content.count(b"\n")


def test_lines_without_a_row_are_neither_product_nor_reject(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(CSV)
    kinds = [type(item) for _, item in read_products(tmp_path / "shop.csv")]
    assert kinds == [type(None), Product, type(None), Product, Reject, Reject]


def test_a_column_that_is_there_twice_matters_only_where_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("note,title,category,note\nx,Oak,home,y\n")
    assert [item.title for _, item in read_products(path) if isinstance(item, Product)] == ["Oak"]
    with pytest.raises(FileError, match="'note', the description, is there twice"):
        list(read_products(path, ReadOptions({"description": "note"})))
