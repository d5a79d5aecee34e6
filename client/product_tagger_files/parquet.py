"""Rows of Parquet files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from product_tagger_files.errors import FileError, RowError
from product_tagger_files.rows import Row, Table

_BATCH_ROWS = 2048


def open_parquet(file: Any) -> Table:
    """Makes rows of an open pyarrow.parquet.ParquetFile; values come as Python has them."""
    header = tuple(file.schema_arrow.names)
    return Table(header, lambda needed: _rows(file, header, needed))


def parquet_file(path: Path) -> Any:
    """Opens a Parquet file with pyarrow.

    Raises:
        FileError: pyarrow is missing, or this is no Parquet file.
    """
    pyarrow = require_pyarrow(path)
    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise broken_parquet(path, error) from error


def require_pyarrow(path: Path) -> Any:
    """Returns the package pyarrow with its Parquet part, which takes a third of a second to load.

    Raises:
        FileError: It isn't installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise FileError(
            f"{path} needs the package pyarrow, which can't be loaded ({error}): install it, or write JSONL"
        ) from error
    return pyarrow


def broken_parquet(path: Path, error: Exception) -> FileError:
    """The error for a file that pyarrow can't read."""
    return FileError(f"{path} is not a whole Parquet file ({error}): write or download it again")


def _rows(file: Any, header: tuple[str, ...], needed: Collection[str] | None) -> Iterator[Row]:
    wanted = [name for name in header if needed is None or name in needed]
    number = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=wanted):
        try:
            rows = batch.to_pylist(maps_as_pydicts="lossy")
        except UnicodeDecodeError:
            rows = [_single(batch, index) for index in range(batch.num_rows)]
        for values in rows:
            number += 1
            if values is None:
                detail = "the row has bytes that are not UTF-8: write the column as UTF-8 strings"
                yield Row(number, None, error=RowError("undecodable bytes", detail))
            else:
                yield Row(number, values)


def _single(batch: Any, index: int) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = batch.slice(index, 1).to_pylist(maps_as_pydicts="lossy")[0]
    except UnicodeDecodeError:
        return None
    return row
