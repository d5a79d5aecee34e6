"""Parquet as databases write it: types that Python has, types that it hasn't, and damage."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from product_tagger_files import FileError, ReadOptions, parquet
from tests.product_tagger_files.conftest import read


def write(path: Path, **columns: Any) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=3)
    return path


def titles(count: int) -> Any:
    return pyarrow.array([f"Oak {n}" for n in range(count)]).dictionary_encode()


def test_columns_of_any_type_are_read_or_cost_their_rows_with_a_sentence(tmp_path: Path) -> None:
    nanoseconds = pyarrow.array([0, 1, 2], type=pyarrow.timestamp("ns"))
    doubled = pyarrow.StructArray.from_arrays([pyarrow.array([1, 2, 3])] * 2, names=["a", "a"])
    ancient = pyarrow.array([10**15] * 3, type=pyarrow.timestamp("s"))
    values = {
        "nanoseconds": nanoseconds, "doubled": doubled, "ancient": ancient,
        "span": pyarrow.array([datetime.timedelta(1)] * 3), "half": pyarrow.array([1.5] * 3, type=pyarrow.float32()),
    }  # fmt: skip
    for name, column in values.items():
        path = write(tmp_path / "shop.parquet", title=titles(3), category=["home"] * 3, description=column)
        reading = read(path)
        assert len(reading.products) + len(reading.rejects) == reading.lines == 3, name
        assert all("description" in reject.detail for reject in reading.rejects), name
    reading = read(write(tmp_path / "shop.parquet", title=titles(3), category=["home"] * 3, other=doubled))
    assert len(reading.products) == 3


def test_nested_columns_arrive_as_lists_and_objects(tmp_path: Path) -> None:
    tags = pyarrow.array([[{"name": "wood", "rank": 1}, {"name": "oak", "rank": 2}], None, []])
    sheet = pyarrow.array([{"size": {"unit": "cm", "value": 5}}, {"size": None}, None])
    reading = read(
        write(tmp_path / "shop.parquet", title=titles(3), category=["home"] * 3, **{"the.tags": tags, "sheet": sheet}),
        ReadOptions({"tags": "the.tags"}),
    )
    assert [product.tags for product in reading.products] == [("wood", "oak"), (), ()]


def test_a_damaged_page_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "shop.parquet", title=titles(300), category=["home"] * 300)
    content = bytearray(path.read_bytes())
    content[4:2000] = b"\xff" * 1996
    path.write_bytes(content)
    with pytest.raises(FileError, match="is not a whole Parquet file"):
        read(path)


def test_large_rows_come_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "shop.parquet", title=[str(n) * 1000 for n in range(50)], category=["home"] * 50)
    taken: list[int] = []
    values = parquet._values

    def note(batch: Any) -> Any:
        taken.append(batch.num_rows)
        return values(batch)

    monkeypatch.setattr(parquet, "_BATCH_BYTES", 10_000)
    monkeypatch.setattr(parquet, "_values", note)
    assert len(read(path).products) == 50
    assert max(taken) < 12
