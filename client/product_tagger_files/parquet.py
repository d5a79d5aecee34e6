"""Rows of Parquet files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from product_tagger_files.errors import FileError, RowError
from product_tagger_files.rows import Row, Table

_BATCH_ROWS = 2048
_BATCH_BYTES = 1 << 26


def open_parquet(file: Any, path: Path) -> Table:
    """Makes rows of an open pyarrow.parquet.ParquetFile; values come as Python has them.

    Reading the rows raises FileError where the file is damaged.
    """
    header = tuple(file.schema_arrow.names)
    return Table(header, lambda needed: _rows(file, path, header, needed))


def parquet_file(path: Path) -> Any:
    """Opens a Parquet file with pyarrow.

    Raises:
        FileError: pyarrow is missing, or this is no Parquet file.
    """
    pyarrow = require_pyarrow(path)
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, ValueError) as error:
        raise _broken(path, error) from error


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


def _broken(path: Path, error: Exception) -> FileError:
    return FileError(f"{path} is not a whole Parquet file ({error}): write or download it again")


def _rows(file: Any, path: Path, header: tuple[str, ...], needed: Collection[str] | None) -> Iterator[Row]:
    wanted = [name for name in dict.fromkeys(header) if needed is None or name in needed]
    number = 0
    batches = file.iter_batches(batch_size=_batch_rows(file.metadata), columns=wanted)
    while True:
        try:
            batch = next(batches, None)
        except Exception as error:  # pyarrow has many for damaged and for unknown encodings, and documents none
            raise _broken(path, error) from error
        if batch is None:
            return
        for row in _values(batch):
            number += 1
            if isinstance(row, RowError):
                yield Row(number, None, error=row)
            else:
                yield Row(number, row)


def _batch_rows(metadata: Any) -> int:
    """Rows of a batch, fewer where rows are large."""
    sizes = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    largest = max((group.total_byte_size / max(1, group.num_rows) for group in sizes), default=0.0)
    return max(1, min(_BATCH_ROWS, int(_BATCH_BYTES / max(1.0, largest))))


def _values(batch: Any) -> list[dict[str, Any] | RowError]:
    try:
        rows: list[dict[str, Any] | RowError] = batch.to_pylist(maps_as_pydicts="lossy")
    except Exception:  # a value that Python can't hold: which one, each row tells
        rows = [_value(batch, place) for place in range(batch.num_rows)]
    return rows


def _value(batch: Any, place: int) -> dict[str, Any] | RowError:
    row: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            row[name] = column[place].as_py(maps_as_pydicts="lossy")
        except UnicodeDecodeError:
            detail = f"{name} has bytes that are not UTF-8: write the column as UTF-8 strings"
            return RowError("undecodable bytes", detail)
        except Exception as error:
            kind = str(column.type)[:60]
            detail = f"{name} has a value of the type {kind} that can't be read ({error}): write the column as strings"
            return RowError("unreadable value", detail)
    return row
