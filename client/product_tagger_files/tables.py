"""Opens a file of any known format as a table."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from product_tagger_files.containers import file_format, open_bytes
from product_tagger_files.delimited import open_delimited
from product_tagger_files.errors import FileError
from product_tagger_files.json_lines import read_json_lines
from product_tagger_files.parquet import broken_parquet, open_parquet, parquet_file
from product_tagger_files.rows import Table


def estimate_rows(path: Path) -> int | None:
    """About how many rows there are, for a progress bar; None where counting costs as much as reading.

    Raises:
        FileError: The file is missing, of an unknown format, or not what its name says.
    """
    kind = file_format(path)
    if kind == ".parquet":
        with parquet_file(path) as file:
            return int(file.metadata.num_rows)
    if not path.name.lower().endswith(kind):  # packed
        return None
    try:
        with path.open("rb") as stream:
            lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
    except OSError as error:
        raise _unreadable(path, error) from error
    return max(lines - (kind in (".csv", ".tsv")), 0)


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Opens a file, whose ending tells the format; read its rows within the context.

    Raises:
        FileError: The file is missing, of an unknown format, or not what its name says. Reading rows raises it too.
    """
    kind = file_format(path)
    try:
        if kind == ".parquet":
            with parquet_file(path) as file:
                try:
                    yield open_parquet(file)
                except ValueError as error:  # pyarrow.ArrowInvalid is one
                    raise broken_parquet(path, error) from error
            return
        with open_bytes(path) as stream:
            if kind == ".jsonl":
                yield Table(None, lambda _needed: read_json_lines(stream))
            else:
                yield open_delimited(stream, path, "\t" if kind == ".tsv" else None)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FileError(f"{path} is not a whole gzip file ({error}): write or download it again") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> FileError:
    return FileError(f"{path} can't be read ({error.strerror or error})")
