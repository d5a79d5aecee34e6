"""Makes the output and the rejects file from a finished journal; each appears whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from product_tagger_files import FileError
from product_tagger_files.parquet import require_pyarrow

from ..errors import BulkError
from .journal import Entry, Journal, cannot_write

_PARQUET_ROWS = 16_384
OUTPUT_FORMATS = (".jsonl", ".csv", ".parquet")


def output_format(path: Path) -> str:
    """Which of OUTPUT_FORMATS a file is to be written in.

    Raises:
        BulkError: None of them, or Parquet without pyarrow: better told before the work than after it.
    """
    ending = path.suffix.lower()
    if ending not in OUTPUT_FORMATS:
        raise BulkError(f"the output {path} must end in .jsonl, .csv or .parquet; that decides its format")
    if ending == ".parquet":
        try:
            require_pyarrow(path)
        except FileError as error:
            raise BulkError(str(error)) from error
    return ending


def rejects_path(output: Path) -> Path:
    """Where the rows without an answer go."""
    return output.with_name(output.name + ".rejects.jsonl")


def assemble(journal: Journal, output: Path, *, bom: bool = False) -> None:
    """Writes both files beside their places and moves them there; doing it twice gives the same files.

    Args:
        journal: What is to be written.
        output: Where the answers go.
        bom: Whether a CSV file begins with a byte order mark.

    Raises:
        BulkError: They cannot be written; the journal is untouched.
    """
    writers: dict[str, Callable[[IO[bytes], Iterable[Entry]], None]] = {
        ".jsonl": _write_jsonl,
        ".csv": partial(_write_csv, encoding="utf-8-sig" if bom else "utf-8"),
        ".parquet": _write_parquet,
    }
    write = writers[output_format(output)]
    rejects = rejects_path(output)
    if journal.rejected:
        refused = (entry for entry in journal.entries() if len(entry) == 3)
        _replace(rejects, journal, lambda stream: _write_rejects(stream, refused))
    else:
        rejects.unlink(missing_ok=True)
    answered = (entry for entry in journal.entries() if len(entry) != 3)
    _replace(output, journal, lambda stream: write(stream, answered))


def _replace(target: Path, journal: Journal, write: Callable[[IO[bytes]], None]) -> None:
    # In the run's own folder: beside the target, so on its file system, and gone with the folder.
    draft = journal.path.with_name(target.name)
    try:
        with draft.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise cannot_write(target, error, journal.rows) from error


def _write_jsonl(stream: IO[bytes], entries: Iterable[Entry]) -> None:
    for _, name, category, score, tags, truncated in entries:
        row = {
            "id": name,
            "category": category,
            "category_score": score,
            "tags": [{"name": tag, "score": value} for tag, value in tags],
            "truncated": truncated,
        }
        stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")


def _write_rejects(stream: IO[bytes], entries: Iterable[Entry]) -> None:
    for line, name, reason in entries:
        row = {"line": line, "id": name, "reason": reason}
        stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


def _write_csv(stream: IO[bytes], entries: Iterable[Entry], encoding: str) -> None:
    text = io.TextIOWrapper(stream, encoding=encoding, newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "category", "category_score", "tags", "tag_scores", "truncated"])
    for _, name, category, score, tags, truncated in entries:
        names, scores = "|".join(tag for tag, _ in tags), "|".join(str(value) for _, value in tags)
        writer.writerow([name, category or "", score, names, scores, "true" if truncated else "false"])
    text.flush()
    text.detach()


def _write_parquet(stream: IO[bytes], entries: Iterable[Entry]) -> None:
    pyarrow = require_pyarrow(Path("output"))
    tag = pyarrow.struct([("name", pyarrow.string()), ("score", pyarrow.float32())])
    schema = pyarrow.schema(
        [
            ("id", pyarrow.string()),
            ("category", pyarrow.string()),
            ("category_score", pyarrow.float32()),
            ("tags", pyarrow.list_(tag)),
            ("truncated", pyarrow.bool_()),
        ]
    )
    rows: Iterator[Entry] = iter(entries)
    with pyarrow.parquet.ParquetWriter(stream, schema) as writer:
        while part := list(islice(rows, _PARQUET_ROWS)):
            columns: list[list[Any]] = [list(column) for column in zip(*part, strict=True)][1:]
            columns[3] = [[{"name": tag, "score": value} for tag, value in tags] for tags in columns[3]]
            writer.write_table(pyarrow.table(columns, schema=schema))
