"""Which format a file is in, and its bytes, whatever they are packed in."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from product_tagger_files.errors import FileError

TEXT_FORMATS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".xml")
"""Files of lines, each also packed."""
FORMATS = (*TEXT_FORMATS, ".parquet", ".xlsx")
PACKINGS = (".gz", ".zst", ".zip")
EXTENSIONS = (*FORMATS, *(f"{name}{packing}" for packing in PACKINGS for name in TEXT_FORMATS), ".zip")

_KNOWN = ".jsonl, .json, .csv, .tsv, .txt, .xml (each also with .gz, .zst or .zip), .parquet or .xlsx"
_INSTEAD = {
    ".xls": "open it in Excel and save it as .xlsx, or as CSV UTF-8",
    ".ods": "open it in LibreOffice and save it as .xlsx, or as CSV in UTF-8",
    ".rar": "unpack it and give the file in it",
    ".7z": "unpack it and give the file in it",
    ".tar": "unpack it and give the file in it",
    ".tgz": "unpack it and give the file in it",
    ".bz2": "unpack it and give the file in it",
    ".xz": "unpack it and give the file in it",
}
_BY_CONTENT = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\x1f\x8b": "packed with gzip",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old kind",
}
# No real catalogue shrinks to a hundredth; a few hundred KB of a decompression bomb grow to gigabytes.
MOST_GROWTH = 100
MOST_UNPACKED = 1 << 30


def file_format(path: Path) -> str:
    """Returns which of FORMATS a file is in, by its name or by the name of the file that a zip archive holds.

    Raises:
        FileError: Another ending, or a zip archive that can't be read.
    """
    kind, packing = _endings(path.name)
    if packing == ".zip":
        kind = _endings(_member(path).filename)[0]
    if packing and kind in (".parquet", ".xlsx"):
        raise FileError(f"{path} holds a file of the format {kind[1:]}, which can't be read packed: unpack it first")
    if kind not in FORMATS:
        instead = _INSTEAD.get(kind, f"give it the ending of its format: {_KNOWN}")
        raise FileError(f"{path} is in no known format: {instead}")
    return kind


def file_stem(path: Path) -> str:
    """Returns a file's name without the endings that tell its format; the ids of rows without one begin with it."""
    kind, packing = _endings(path.name)
    length = len(kind if kind in FORMATS else "") + len(packing)
    return path.name[: len(path.name) - length]


def is_packed(path: Path) -> bool:
    """Whether a file has to be unpacked to be read."""
    return bool(_endings(path.name)[1])


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file for reading, unpacked and bounded.

    Raises:
        FileError: It can't be unpacked, or grows without measure. Reading from the stream raises it too.
    """
    packing = _endings(path.name)[1]
    with path.open("rb") as file:
        if not packing:
            yield file
            return
        most = max(MOST_UNPACKED, MOST_GROWTH * path.stat().st_size)
        with _unpacking(path, packing, file) as unpacked, io.BufferedReader(_Bounded(unpacked, path, most)) as stream:
            yield stream


def refuse_other_content(path: Path, start: bytes) -> None:
    """Tells a text file that is something else by its first bytes.

    Raises:
        FileError: It is.
    """
    for magic, what in _BY_CONTENT.items():
        if start.startswith(magic):
            raise FileError(f"{path} is {what} by its content, not text: give it the ending of its format ({_KNOWN})")


def _endings(name: str) -> tuple[str, str]:
    """The endings for format and packing, in small letters; either may be empty."""
    path = Path(name.lower())
    packing = path.suffix if path.suffix in PACKINGS else ""
    return (Path(path.stem).suffix if packing else path.suffix), packing


def _unpacking(path: Path, packing: str, file: IO[bytes]) -> Any:
    if packing == ".gz":
        return gzip.GzipFile(fileobj=file)
    if packing == ".zst":
        try:
            import pyarrow
        except ImportError as error:
            raise FileError(
                f"{path} needs the package pyarrow, which can't be loaded ({error}): install it, or unpack the file"
            ) from error
        return pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")
    member = _member(path)
    try:
        return zipfile.ZipFile(file).open(member)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        reason = "it is encrypted" if member.flag_bits & 1 else str(error)
        raise FileError(f"{path} can't be unpacked ({reason}): unpack it yourself and give the file in it") from error


def _member(path: Path) -> zipfile.ZipInfo:
    """The one catalogue file in a zip archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                member
                for member in archive.infolist()
                if not member.is_dir()
                and not any(part[:1] == "." or part == "__MACOSX" for part in Path(member.filename).parts)
            ]
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise FileError(f"{path} is not a whole zip archive ({error}): write or download it again") from error
    except OSError as error:
        raise unreadable(path, error) from error
    known = [member for member in members if _endings(member.filename)[0] in FORMATS]
    if len(known) == 1:
        return known[0]
    names = ", ".join(member.filename for member in members[:5]) + (", …" if len(members) > 5 else "")
    what = f"{len(known)} files" if known else "no file"
    raise FileError(f"{path} holds {what} of a known format ({names or 'it is empty'}): unpack it and give one file")


def unreadable(path: Path, error: OSError) -> FileError:
    """The error for a file that the system does not let read."""
    return FileError(f"{path} can't be read ({error.strerror or error})")


class _Bounded(io.RawIOBase):
    """What is unpacked, until it is too much; whatever is wrong with it is a FileError."""

    def __init__(self, source: Any, path: Path, most: int) -> None:
        self._source = source
        self._path = path
        self._most = most
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            block = self._source.read(len(buffer))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
            packing = {".gz": "gzip file", ".zst": "zstd file"}.get(self._path.suffix.lower(), "zip archive")
            problem = f"{self._path} is not a whole {packing} ({error}): write or download it again"
            raise FileError(problem) from error
        self._read += len(block)
        if self._read > self._most:
            raise FileError(
                f"{self._path} unpacks to more than {self._most >> 20:,} MiB, over {MOST_GROWTH} times its size: "
                "unpack it yourself if you trust it"
            )
        buffer[: len(block)] = block
        return len(block)
