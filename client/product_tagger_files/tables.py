"""Opens a file of any known format as a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from product_tagger_files.containers import file_format, is_packed, open_bytes, unreadable
from product_tagger_files.delimited import open_delimited
from product_tagger_files.encodings import open_text
from product_tagger_files.errors import FileError
from product_tagger_files.json_rows import open_json
from product_tagger_files.parquet import open_parquet, parquet_file
from product_tagger_files.product_feed import open_product_feed
from product_tagger_files.rows import Table
from product_tagger_files.xlsx import open_xlsx

_JSON = (".jsonl", ".ndjson", ".json")


@contextmanager
def open_table(path: Path, encoding: str | None = None) -> Iterator[Table]:
    """Opens a file, whose ending tells the format; read its rows within the context.

    Args:
        path: The file.
        encoding: Of a text file; None detects it.

    Raises:
        FileError: The file is missing, of an unknown format, or not what its name says. Reading rows raises it too.
    """
    kind = file_format(path)
    try:
        if kind == ".parquet":
            with parquet_file(path) as file:
                yield open_parquet(file, path)
        elif kind == ".xlsx":
            yield open_xlsx(path)
        elif kind == ".xml":
            with open_bytes(path) as stream:
                yield open_product_feed(stream, path)
        elif kind in _JSON:
            with open_bytes(path) as stream:
                text = open_text(stream, path, encoding, has_header=False)
                yield replace(open_json(text, path), encoding=text.encoding)
        else:
            with open_bytes(path) as stream:
                default = "\t" if kind == ".tsv" else ","
                text = open_text(stream, path, encoding, has_header=True)
                yield replace(open_delimited(text, path, default), encoding=text.encoding)
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is cut off in a character ({error}): write or download it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def estimate_rows(path: Path) -> int | None:
    """About how many rows there are, for a progress bar; None where counting costs as much as reading.

    Raises:
        FileError: The file is missing, of an unknown format, or not what its name says.
    """
    kind = file_format(path)
    if kind == ".parquet":
        with parquet_file(path) as file:
            return int(file.metadata.num_rows)
    if is_packed(path) or kind in (".json", ".xlsx", ".xml"):
        return None
    try:
        with path.open("rb") as stream:
            lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
    except OSError as error:
        raise unreadable(path, error) from error
    return max(lines - (kind not in _JSON), 0)
