"""The encoding of a text file: told by the caller, or detected on its beginning."""

from __future__ import annotations

import codecs
import io
import re
from pathlib import Path
from typing import IO, Any

from product_tagger_files.containers import refuse_other_content
from product_tagger_files.errors import FileError, RowError
from product_tagger_files.scripts import CANDIDATES, is_plausible

SAMPLE = 1 << 20
"""Bytes that detection looks at."""
_SETTING = "catalog.encoding (tag: --encoding)"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_JUDGED = 1 << 16
_FEW_LINES = 3
_MANY_BYTES = 64
_TOO_CLOSE = 0.03
_NOT_DECODED = re.compile("[\ud800-\udfff]")


def open_text(stream: IO[bytes], path: Path, encoding: str | None, *, has_header: bool) -> io.TextIOWrapper:
    """Decodes a file. What can't be decoded becomes half characters, so that only its own row has to be rejected.

    Args:
        stream: The file's bytes.
        path: Its name, for errors.
        encoding: A name that Python knows; None detects it. A byte order mark decides before both.
        has_header: Whether the first line must be readable, and lines end as spreadsheets end them; JSON lines end
            with a line feed only.

    Raises:
        FileError: There is no such encoding, it can't be told, or this is no text.
    """
    sample = stream.read(SAMPLE)
    refuse_other_content(path, sample)
    name = _marked(sample) or (_known(encoding) if encoding else _detect(sample, path, has_header=has_header))
    # A half character of UTF-16 is no byte that surrogateescape could carry.
    errors = "surrogatepass" if name.startswith(("utf-16", "utf-32")) else "surrogateescape"
    return io.TextIOWrapper(io.BufferedReader(_Rewound(sample, stream)), name, errors, "" if has_header else "\n")


def undecodable(line: str, encoding: str) -> RowError | None:
    """Returns the error for a line with bytes that are none in the encoding; None for a good line."""
    found = None if line.isascii() else _NOT_DECODED.search(line)
    if found is None:
        return None
    byte = f" (byte 0x{ord(found[0]) - 0xDC00:02x})" if "\udc80" <= found[0] <= "\udcff" else ""
    name = "UTF-8" if encoding.startswith("utf-8") else encoding
    detail = (
        f"character {found.start() + 1} of the row{byte} is not {name}: save the file as UTF-8, or name its encoding "
        f"in {_SETTING}"
    )
    return RowError("undecodable bytes", detail)


def shown(text: str) -> str:
    """Returns a text in which undecodable bytes are written out."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_encoding(name: str) -> bool:
    """Whether Python can decode text in the encoding of this name."""
    try:
        "".encode(name)
    except (LookupError, ValueError, UnicodeError):
        return False
    return True


def _known(name: str) -> str:
    if not is_encoding(name):
        raise FileError(f"there is no encoding {name!r}: name one such as utf-8, gb18030, big5 or cp1252 in {_SETTING}")
    normal = codecs.lookup(name).name
    return {"utf-8": "utf-8-sig", "gbk": "gb18030", "gb2312": "gb18030"}.get(normal, normal)


def _marked(sample: bytes) -> str | None:
    return next((name for mark, name in _BYTE_ORDER_MARKS if sample.startswith(mark)), None)


def _detect(sample: bytes, path: Path, *, has_header: bool) -> str:
    if b"\0" in sample and (wide := _utf_16(sample)) is not None:
        return wide
    strange = _not_utf_8(sample, has_header=has_header)
    if not strange:
        return "utf-8-sig"
    return _judge(b"\n".join(strange)[:_JUDGED], path)


def _utf_16(sample: bytes) -> str | None:
    """Tells UTF-16 without a mark: the high bytes of its line breaks, digits and commas are zeros on one side."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 20 * even and odd * 50 > len(sample):
        return "utf-16-le"
    if even > 20 * odd and even * 50 > len(sample):
        return "utf-16-be"
    return None


def _not_utf_8(sample: bytes, *, has_header: bool) -> list[bytes]:
    """The lines that speak against UTF-8; none where it is UTF-8, be it with a few broken rows, or can't be told."""
    lines = sample.split(b"\n")
    broken: list[bytes] = []
    good = bad = 0
    for line in lines:
        if line.isascii():
            continue
        is_cut = line is lines[-1] and len(sample) == SAMPLE
        text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(line, final=not is_cut)
        strange = len(_NOT_DECODED.findall(text))
        bad += strange
        good += sum(not char.isascii() for char in text) - strange
        if strange:
            broken.append(line)
    is_clear = len(broken) >= _FEW_LINES or bad >= _MANY_BYTES or (has_header and broken[:1] == lines[:1])
    return broken if bad > good and is_clear else []


def _judge(lines: bytes, path: Path) -> str:
    """The encoding in which the lines read best, where that is beyond doubt."""
    try:
        from charset_normalizer import from_bytes
    except ImportError as error:
        raise FileError(
            f"{path} is not in UTF-8, and its encoding can't be detected without the package charset-normalizer "
            f"({error}): save it as UTF-8, name the encoding in {_SETTING}, or install the package"
        ) from error
    found: list[Any] = [
        match for match in from_bytes(lines, cp_isolation=CANDIDATES) if is_plausible(str(match), match.encoding)
    ]
    best = min(found, key=lambda match: match.chaos, default=None)
    rivals = [
        match.encoding
        for match in found
        if best is not None
        and str(match) != str(best)
        and match.chaos <= best.chaos + _TOO_CLOSE
        and match.coherence >= best.coherence - _TOO_CLOSE
    ]
    if best is None or rivals:
        candidates = f" (it may be {' or '.join([best.encoding, *rivals][:3])})" if best is not None else ""
        raise FileError(
            f"{path} is not in UTF-8, and which encoding it is in can't be told{candidates}: save it as UTF-8, or name "
            f"the encoding in {_SETTING}, for instance cp1252 for Western European languages or gb18030 for Chinese"
        )
    return str(best.encoding)


class _Rewound(io.RawIOBase):
    """A stream of which the beginning has been read already."""

    def __init__(self, start: bytes, stream: IO[bytes]) -> None:
        self._start = memoryview(start)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        block = self._start[: len(buffer)]
        if block:
            self._start = self._start[len(block) :]
        else:
            block = memoryview(self._stream.read(len(buffer)))
        buffer[: len(block)] = block
        return len(block)
