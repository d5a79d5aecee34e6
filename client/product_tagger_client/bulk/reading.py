"""Streams the rows of a catalogue file: JSONL, CSV, TSV (each also gzipped) and Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from ..errors import BulkError
from .rows import FIELDS, Row, RowProblem, make_row

FORMATS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
_BATCH_ROWS = 2048

# A row not looked into yet: its line number, and what the format gives for it.
_Raw = tuple[int, Any]


def file_format(path: Path) -> str:
    """Which of FORMATS a file is in, by its name; a `.gz` at its end doesn't count.

    Raises:
        BulkError: Another ending.
    """
    name = path.name.lower()
    ending = Path(name.removesuffix(".gz")).suffix
    if ending not in FORMATS or (ending == ".parquet" and name.endswith(".gz")):
        known = ".jsonl, .csv, .tsv (each also with .gz) or .parquet"
        raise BulkError(f"the format of {path} is not known by its name: rename it to end in {known}")
    return ending


def read_rows(path: Path, columns: Mapping[str, str], skip: int = 0) -> Iterator[Row]:
    """Reads a file row by row. A row that cannot be sent comes with its problem; empty lines are no rows.

    Args:
        path: The file.
        columns: Field (id, title, description, attributes) → the file's own column name.
        skip: Rows at the beginning to leave out.

    Raises:
        BulkError: The file is missing, unreadable, not what its name says, or has no column with a text.
    """
    ending = file_format(path)
    names = {field: columns.get(field, field) for field in FIELDS}
    lower = path.name.lower()
    stem = path.name[: lower.index(ending)]
    raw_rows: Iterator[_Raw]
    look: Callable[[Any], Mapping[str, Any]]
    if ending in (".jsonl", ".ndjson"):
        raw_rows, look = _json_lines(path), _json_object
    elif ending == ".parquet":
        raw_rows, look = _parquet(path, names), _checked
    else:
        raw_rows, look = _delimited(path, names, "\t" if ending == ".tsv" else None), _checked
    try:
        with closing(cast(Any, raw_rows)):
            for line, payload in islice(raw_rows, skip, None):
                try:
                    cells = look(payload)
                except RowProblem as problem:
                    yield Row(line, f"{stem}:{line}", "", str(problem))
                    continue
                yield make_row(line, f"{stem}:{line}", {field: cells.get(name) for field, name in names.items()})
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BulkError(f"{path} is not a whole gzip file ({error}); write or download it again") from error
    except OSError as error:
        raise BulkError(f"{path} cannot be read: {error.strerror or error}") from error


def count_rows(path: Path) -> int | None:
    """About how many rows there are, for a progress bar; None where counting costs as much as reading."""
    ending = file_format(path)
    if ending == ".parquet":
        with _parquet_file(path) as file:
            return int(file.metadata.num_rows)
    if path.name.lower().endswith(".gz"):
        return None
    with path.open("rb") as stream:
        lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
    return max(lines - (ending in (".csv", ".tsv")), 0)


def _checked(payload: Mapping[str, Any] | RowProblem) -> Mapping[str, Any]:
    if isinstance(payload, RowProblem):
        raise payload
    return payload


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


def _json_lines(path: Path) -> Iterator[_Raw]:
    with _open(path) as stream:
        for number, line in enumerate(stream, 1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip():
                yield number, line


def _json_object(line: bytes) -> Mapping[str, Any]:
    try:
        values = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RowProblem(f"byte {error.start + 1} of the line is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise RowProblem(f"the line is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise RowProblem(f"the line is a JSON {type(values).__name__}, not an object")
    return values


def _delimited(path: Path, names: Mapping[str, str], delimiter: str | None) -> Iterator[_Raw]:
    # surrogateescape carries undecodable bytes through the csv module, so that only their own row is refused.
    with io.TextIOWrapper(_open(path), encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        first = stream.readline()
        if first[:2] in ("\udcff\udcfe", "\udcfe\udcff"):
            raise BulkError(f"{path} is in UTF-16; save it as UTF-8")
        if not first.strip():
            raise BulkError(f"{path}: the first line is empty; it must name the columns")
        if delimiter is None:
            delimiter = ";" if ";" in first and "," not in first else ","
        header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
        _require_text(path, names, header)
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 2
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, RowProblem(f"the row, up to line {reader.line_num + 1}, is not CSV: {error}")
                continue
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            if len(cells) != len(header):
                yield line, RowProblem(f"it has {len(cells)} cells where the first line names {len(header)} columns")
            elif any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell):
                yield line, RowProblem("it has bytes that are not UTF-8")
            else:
                yield line, dict(zip(header, cells, strict=True))


def _parquet(path: Path, names: Mapping[str, str]) -> Iterator[_Raw]:
    pyarrow = require_pyarrow(path)
    number = 0
    try:
        with _parquet_file(path) as file:
            header = file.schema_arrow.names
            _require_text(path, names, header)
            wanted = [name for name in names.values() if name in header]
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=wanted):
                for row in _parquet_rows(batch):
                    number += 1
                    yield number, row
    except pyarrow.ArrowInvalid as error:
        raise BulkError(f"{path} is not a whole Parquet file ({error}); write or download it again") from error


def _parquet_rows(batch: Any) -> list[Any]:
    try:
        return list(batch.to_pylist(maps_as_pydicts="lossy"))
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return [RowProblem("it has bytes that are not UTF-8")]
        middle = batch.num_rows // 2
        return _parquet_rows(batch.slice(0, middle)) + _parquet_rows(batch.slice(middle))


def _parquet_file(path: Path) -> Any:
    pyarrow = require_pyarrow(path)
    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise BulkError(f"{path} is not a Parquet file ({error})") from error


def require_pyarrow(path: Path) -> Any:
    """The pyarrow package, with its Parquet part loaded.

    Raises:
        BulkError: It isn't installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        message = (
            f"{path}: Parquet needs the package pyarrow, which cannot be loaded ({error}); install it, or use JSONL"
        )
        raise BulkError(message) from error
    return pyarrow


def _require_text(path: Path, names: Mapping[str, str], header: list[str]) -> None:
    for field, name in names.items():
        if name != field and name not in header:
            has = ", ".join(header)
            raise BulkError(f"{path} has no column {name!r}, which was given as the {field}; its columns are {has}")
    if names["title"] not in header and names["description"] not in header:
        raise BulkError(
            f"{path} has neither a column {names['title']!r} nor {names['description']!r}; its columns are "
            f"{', '.join(header)}: name the one with the text, for instance --columns title={header[0]}"
        )
