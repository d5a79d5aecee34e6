"""Rows of delimited text: CSV and TSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from product_tagger_files.errors import FileError, RowError
from product_tagger_files.rows import Row, Table


def open_delimited(stream: IO[bytes], path: Path, delimiter: str | None) -> Table:
    """Reads the header.

    Args:
        stream: The file's bytes.
        path: Its name, for errors.
        delimiter: None where the header has to tell it.

    Raises:
        FileError: There is no header, or it is in UTF-16.
    """
    # surrogateescape carries undecodable bytes through the csv module, so that only their own row is rejected.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    first = text.readline()
    if first[:2] in ("\udcff\udcfe", "\udcfe\udcff"):
        raise FileError(f"{path} is in UTF-16: save it as UTF-8 (in Excel: CSV UTF-8)")
    if not first.strip():
        raise FileError(f"{path}: the first line is empty; it must name the columns")
    if delimiter is None:
        delimiter = ";" if ";" in first and "," not in first else ","
    header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
    return Table(tuple(header), lambda _needed: _rows(text, header, delimiter))


def _rows(text: io.TextIOWrapper, header: list[str], delimiter: str) -> Iterator[Row]:
    yield Row(1, None)
    # strict: a quote that is never closed is an error with a line number, not rows that vanish into one field.
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = reader.line_num + 1
            place = f"line {last}" if last <= line else f"lines {line} to {last}"
            yield Row(line, None, last + 1 - line, RowError("broken quoting", f"{place} can't be read: {error}"))
            continue
        lines = reader.line_num + 2 - line
        if not cells or (len(cells) == 1 and not cells[0].strip()):
            yield Row(line, None, lines)
        elif len(cells) != len(header):
            detail = f"{len(cells)} cells where the first line names {len(header)} columns"
            yield Row(line, None, lines, RowError("wrong column count", detail), cells)
        elif any("\udc80" <= char <= "\udcff" for cell in cells if not cell.isascii() for char in cell):
            detail = "the row has bytes that are not UTF-8: save the file as UTF-8"
            raw = [cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for cell in cells]
            yield Row(line, None, lines, RowError("undecodable bytes", detail), raw)
        else:
            yield Row(line, dict(zip(header, cells, strict=True)), lines)
