"""Reads a shop's catalogue files row by row: JSONL, CSV, TSV (each also gzipped) and Parquet.

Every reader streams. Every row comes out as a Product, or as a Reject with its place and reason. No row is lost in
silence, and a bad row never hides those after it.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from product_tagger_files.errors import FileError, RowError
from product_tagger_files.fields import FIELDS, product_from_row
from product_tagger_files.record import Product

logger = logging.getLogger(__name__)

FORMATS = (".jsonl", ".csv", ".tsv", ".parquet")
EXTENSIONS = (*FORMATS[:3], *(f"{name}.gz" for name in FORMATS[:3]), FORMATS[3])
_ROW_PREVIEW = 2000


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that can't be used.

    Attributes:
        file: The file's name.
        line: Line number from 1 (in Parquet: row number from 1); for a CSV row of several lines, its first.
        reason: A short phrase, the same for all rows of one kind: the summary counts by it.
        detail: The sentence for this row.
        row: What was read, as far as it could be, shortened.
    """

    file: str
    line: int
    reason: str
    detail: str
    row: Any = None

    def to_json(self) -> dict[str, Any]:
        """Returns the line of rejects.jsonl."""
        row = self.row
        if isinstance(row, bytes):
            row = row[:_ROW_PREVIEW].decode("utf-8", "backslashreplace")
        return {"file": self.file, "line": self.line, "reason": self.reason, "detail": self.detail, "row": row}


def file_format(path: Path) -> str:
    """Returns which of FORMATS a file is in, by its name.

    Raises:
        FileError: Another ending.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    ending = suffixes[0] if suffixes[-1:] == [".gz"] and len(suffixes) == 2 else "".join(suffixes[-1:])
    if ending == ".ndjson":
        return ".jsonl"
    if ending not in FORMATS or (ending == ".parquet" and suffixes[-1] == ".gz"):
        raise FileError(f"{path} is in no known format: rename it to end in one of {', '.join(EXTENSIONS)}")
    return ending


def read_products(
    path: Path, columns: Mapping[str, str] | None = None, *, require_category: bool = True
) -> Iterator[tuple[int, Product | Reject]]:
    """Reads a catalogue file.

    Args:
        path: The file; its ending tells the format.
        columns: Product field → the shop's own column name; a field not named keeps its own name.
        require_category: Reject rows without a category, which training can't use.

    Yields:
        Line number (see `Reject.line`) and a Product or a Reject for each row, in the file's order. Empty lines are
        no rows.

    Raises:
        FileError: The file is missing, of an unknown format, not what its name says, or lacks a mapped column.
    """
    kind = file_format(path)
    names = {name: (columns or {}).get(name, name) for name in FIELDS}
    try:
        rows = _READERS[kind](path, names)
        yield from _products(rows, path, names, require_category)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(f"{path} is not a whole gzip file ({error}): write or download it again") from error
    except OSError as error:
        raise FileError(f"{path} can't be read ({error.strerror or error})") from error


@dataclass(frozen=True, slots=True)
class _Row:
    """One row as a format gives it: `error` tells why there are no values."""

    line: int
    values: Mapping[str, Any] | None
    raw: Any = None
    error: RowError | None = None


def _products(
    rows: Iterator[_Row], path: Path, names: Mapping[str, str], require_category: bool
) -> Iterator[tuple[int, Product | Reject]]:
    known = set(names.values())
    unknown: set[str] = set()
    default_id = path.name.split(".jsonl")[0].split(".csv")[0].split(".tsv")[0].split(".parquet")[0]
    for row in rows:
        try:
            if row.error is not None:
                raise row.error
            values = row.values or {}
            if not known.issuperset(values):
                new = [str(name) for name in values if name not in known and name not in unknown]
                if new:
                    unknown.update(new)
                    logger.info("%s: ignoring unknown columns: %s", path.name, ", ".join(sorted(new)))
            cells = {field: values.get(name) for field, name in names.items()}
            product = product_from_row(cells, default_id=f"{default_id}:{row.line}", require_category=require_category)
            yield row.line, product
        except RowError as error:
            shown = row.raw if row.raw is not None else row.values
            yield row.line, Reject(path.name, row.line, error.reason, error.detail, shown)


def _open_bytes(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _read_jsonl(path: Path, _names: Mapping[str, str]) -> Iterator[_Row]:
    with _open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            try:
                values = json.loads(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                byte = f"byte {error.start + 1} of the line (0x{line[error.start]:02x})"
                detail = f"{byte} is not UTF-8: save the file as UTF-8"
                yield _Row(number, None, line, RowError("undecodable bytes", detail))
                continue
            except (ValueError, RecursionError) as error:
                yield _Row(number, None, line, RowError("broken JSON", f"the line is not JSON: {error}"))
                continue
            if isinstance(values, dict):
                yield _Row(number, values)
            else:
                detail = f"the line is a JSON {type(values).__name__}, not an object"
                yield _Row(number, None, line, RowError("not an object", detail))


def _read_csv(path: Path, names: Mapping[str, str]) -> Iterator[_Row]:
    yield from _read_delimited(path, names, None)


def _read_tsv(path: Path, names: Mapping[str, str]) -> Iterator[_Row]:
    yield from _read_delimited(path, names, "\t")


def _read_delimited(path: Path, names: Mapping[str, str], delimiter: str | None) -> Iterator[_Row]:
    # surrogateescape carries undecodable bytes through the csv module, so that only their own row is rejected.
    with io.TextIOWrapper(_open_bytes(path), encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        first = stream.readline()
        if first[:2] in ("\udcff\udcfe", "\udcfe\udcff"):
            raise FileError(f"{path} is in UTF-16: save it as UTF-8 (in Excel: CSV UTF-8)")
        if not first.strip():
            raise FileError(f"{path}: the first line is empty; it must name the columns")
        if delimiter is None:
            delimiter = ";" if ";" in first and "," not in first else ","
        header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
        twice = sorted({name for name in header if name and header.count(name) > 1})
        if twice:
            raise FileError(f"{path}: the column {twice[0]!r} is named twice in the first line; rename one")
        _require_columns(path, names, header)
        # strict: a quote that is never closed is an error with a line number, not rows that vanish into one field.
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 2
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                last = reader.line_num + 1
                place = f"line {last}" if last <= line else f"lines {line} to {last}"
                yield _Row(line, None, None, RowError("broken quoting", f"{place} can't be read: {error}"))
                continue
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            if len(cells) != len(header):
                detail = f"{len(cells)} cells where the first line names {len(header)} columns"
                yield _Row(line, None, cells, RowError("wrong column count", detail))
                continue
            if any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell):
                detail = "the row has bytes that are not UTF-8: save the file as UTF-8"
                raw = [cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for cell in cells]
                yield _Row(line, None, raw, RowError("undecodable bytes", detail))
                continue
            yield _Row(line, dict(zip(header, cells, strict=True)))


def _read_parquet(path: Path, names: Mapping[str, str]) -> Iterator[_Row]:
    try:
        import pyarrow  # here, because it costs a third of a second
        import pyarrow.parquet
    except ImportError as error:
        raise FileError(
            f"{path} needs the package pyarrow, which can't be loaded ({error}): install it, or write JSONL"
        ) from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            header = file.schema_arrow.names
            _require_columns(path, names, header)
            unknown = sorted(set(header) - set(names.values()))
            if unknown:
                logger.info("%s: ignoring unknown columns: %s", path.name, ", ".join(unknown))
            number = 0
            wanted = [name for name in names.values() if name in header]
            for batch in file.iter_batches(batch_size=2048, columns=wanted):
                try:
                    rows = batch.to_pylist(maps_as_pydicts="lossy")
                except UnicodeDecodeError:
                    rows = [_parquet_row(batch, index) for index in range(batch.num_rows)]
                for values in rows:
                    number += 1
                    if values is None:
                        detail = "the row has bytes that are not UTF-8: write the column as UTF-8 strings"
                        yield _Row(number, None, None, RowError("undecodable bytes", detail))
                    else:
                        yield _Row(number, values)
    except pyarrow.ArrowInvalid as error:
        raise FileError(f"{path} is not a whole Parquet file ({error}): write or download it again") from error


def _parquet_row(batch: Any, index: int) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = batch.slice(index, 1).to_pylist(maps_as_pydicts="lossy")[0]
    except UnicodeDecodeError:
        return None
    return row


def _require_columns(path: Path, names: Mapping[str, str], header: list[str]) -> None:
    for field, name in names.items():
        if field != name and name not in header:
            raise FileError(
                f"{path} has no column {name!r}, which catalog.columns maps to {field!r}; "
                f"its columns are {', '.join(header)}"
            )
    if names["title"] not in header and names["description"] not in header:
        raise FileError(
            f"{path} has neither a column {names['title']!r} nor {names['description']!r}; its columns are "
            f"{', '.join(header)}: name the one with the text in catalog.columns, for instance {{title: {header[0]}}}"
        )


_READERS = {".jsonl": _read_jsonl, ".csv": _read_csv, ".tsv": _read_tsv, ".parquet": _read_parquet}
