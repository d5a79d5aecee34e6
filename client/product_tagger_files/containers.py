"""Which format a file is in, and its bytes, whatever they are packed in."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO

from product_tagger_files.errors import FileError

FORMATS = (".jsonl", ".csv", ".tsv", ".parquet")
EXTENSIONS = (*FORMATS[:3], *(f"{name}.gz" for name in FORMATS[:3]), FORMATS[3])


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


def open_bytes(path: Path) -> IO[bytes]:
    """Opens a file for reading, unpacked."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def file_stem(path: Path) -> str:
    """Returns a file's name without its endings, from which the ids of rows without one are made."""
    name = path.name
    ending = file_format(path)
    place = name.lower().rfind(ending if ending in name.lower() else ".ndjson")
    return name[:place]
