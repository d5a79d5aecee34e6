"""Packed files, workbooks, and what is refused with a sentence that helps."""

from __future__ import annotations

import datetime
import gzip
import zipfile
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from product_tagger_files import FileError, containers, estimate_rows, file_format, xlsx
from tests.product_tagger_files.conftest import read

CSV = b"id,title,category\n1,Oak,home\n2,Elm,home\n"
JSON = b'{"id": 1, "title": "Oak", "category": "home"}\n{"id": 2, "title": "Elm", "category": "home"}\n'


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def zstd(path: Path, *contents: bytes) -> Path:
    path.write_bytes(b"".join(pyarrow.compress(content, "zstd", asbytes=True) for content in contents))
    return path


@pytest.mark.parametrize(
    "name", ["shop.csv.gz", "shop.jsonl.gz", "shop.csv.zst", "shop.jsonl.zst", "shop.csv.zip", "shop.zip", "S.CSV.GZ"]
)
def test_packed_files_are_read(tmp_path: Path, name: str) -> None:
    content = JSON if ".jsonl" in name else CSV
    path = tmp_path / name
    if name.lower().endswith(".gz"):
        path.write_bytes(gzip.compress(content))
    elif name.endswith(".zst"):
        zstd(path, content[:30], content[30:])
    else:
        zipped(path, {"a/shop.csv": content, "__MACOSX/a/._shop.csv": b"\0", "read.me": b"hello"})
    reading = read(path)
    assert (reading.titles, reading.rejects) == (["Oak", "Elm"], [])
    assert estimate_rows(path) is None


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.csv": CSV, "b.csv": CSV}, r"holds 2 files of a known format \(a.csv, b.csv\)"),
        ({"a.txt.doc": CSV}, r"no file of a known format \(a.txt.doc\)"),
        ({}, "no file of a known format"),
        ({"a.parquet": CSV}, "of the format parquet, which can't be read packed"),
        ({"a.zip": CSV}, "no file of a known format"),
    ],
)
def test_an_archive_without_exactly_one_catalogue_is_refused(
    tmp_path: Path, members: dict[str, bytes], message: str
) -> None:
    with pytest.raises(FileError, match=message):
        read(zipped(tmp_path / "shop.zip", members))


@pytest.mark.parametrize("ending", [".gz", ".zst", ".zip"])
def test_a_file_that_grows_without_measure_is_not_unpacked(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "MOST_UNPACKED", 1 << 20)
    content = CSV + b"3," + b" " * (8 << 20) + b",home\n"
    path = tmp_path / f"shop.csv{ending}"
    if ending == ".gz":
        path.write_bytes(gzip.compress(content))
    elif ending == ".zst":
        zstd(path, content)
    else:
        zipped(path, {"shop.csv": content})
    with pytest.raises(FileError, match=r"unpacks to more than 1 MiB, over 100 times its size"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("shop.csv.gz", gzip.compress(CSV * 9, mtime=0)[:-9], "not a whole gzip file"),
        ("shop.csv.zst", pyarrow.compress(CSV * 9, "zstd", asbytes=True)[:-9], "not a whole zstd file"),
        ("shop.csv.zst", b"no zstd", "not a whole zstd file"),
        ("shop.csv.zip", b"no zip", "not a whole zip archive"),
        ("shop.xlsx", b"no zip", "not a whole Excel workbook"),
        ("shop.rar", b"", "unpack it and give the file in it"),
        ("shop.xls", b"", "save it as .xlsx"),
        ("shop.doc", b"", "give it the ending of its format: .jsonl, .json, .csv"),
        ("shop.parquet.gz", b"", "can't be read packed: unpack it first"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileError, match=message):
        read(tmp_path / name)


def test_a_zip_with_a_false_checksum_or_a_password_is_a_sentence(tmp_path: Path) -> None:
    path = zipped(tmp_path / "shop.zip", {"shop.csv": CSV * 50})
    content = bytearray(path.read_bytes())
    content[14] ^= 1  # the checksum in the local header is not looked at; the one in the directory is
    directory = content.index(b"PK\x01\x02")
    content[directory + 16] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileError, match="not a whole zip archive"):
        read(path)
    content[directory + 16] ^= 1
    content[directory + 8] |= 1
    content[6] |= 1
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"it is encrypted.*unpack it yourself"):
        read(path)


def workbook(path: Path, *sheets: list[list[Any]]) -> Path:
    """Writes a workbook as Excel does, as far as a reader looks at it."""
    import html

    def cell(value: Any, row: int, column: int) -> str:
        place = f'r="{chr(65 + column)}{row}"'
        if value is None:
            return ""
        if isinstance(value, bool):
            return f'<c {place} t="b"><v>{int(value)}</v></c>'
        if isinstance(value, datetime.date):
            return f'<c {place} s="1"><v>{(value - datetime.date(1899, 12, 30)).days}</v></c>'
        if isinstance(value, (int, float)):
            return f"<c {place}><v>{value!r}</v></c>"
        return f'<c {place} t="inlineStr"><is><t>{html.escape(value)}</t></is></c>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    numbers = range(1, len(sheets) + 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{packages}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{packages}/relationships"><Relationship Id="r" Type="{links}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        listed = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{links}"><sheets>{listed}</sheets></workbook>'
        )
        targets = "".join(
            f'<Relationship Id="r{n}" Type="{links}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
        )
        styles = f'<Relationship Id="s" Type="{links}/styles" Target="styles.xml"/>'
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{packages}/relationships">{targets}{styles}</Relationships>',
        )
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{main}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        for number, sheet in zip(numbers, sheets, strict=True):
            rows = "".join(
                f'<row r="{row}">{"".join(cell(value, row, column) for column, value in enumerate(cells))}</row>'
                for row, cells in enumerate(sheet, 1)
                if cells
            )
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
            )
    return path


def test_a_workbook_is_read_with_its_numbers_dates_and_empty_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sheet: list[list[Any]] = [
        ["id", "title", "list\nprice", "category", "views", "attributes"],
        [6941234567890, "Oak & elm", 9.5, "home", 12, None],
        [],
        ["x-2", 501, None, "home", None, "size: 5"],
        [None, datetime.date(2026, 11, 27), None, "home", None, None],
        ["x-4", None, None, "home", None, None],
    ]
    reading = read(workbook(tmp_path / "shop.xlsx", [], sheet, [["notes"]]))
    assert [(p.id, p.title, p.views) for p in reading.products] == [
        ("6941234567890", "Oak & elm", 12.0), ("x-2", "501", None), ("shop:5", "2026-11-27", None),
    ]  # fmt: skip
    assert reading.products[1].attributes == {"size": "5"}
    assert (reading.reasons, reading.rejects[0].line, reading.lines) == (["no text"], 6, 6)
    assert "only the sheet S2 is read, not S3" in caplog.text


def test_a_workbook_that_is_empty_or_too_large_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "shop.xlsx", [])
    with pytest.raises(FileError, match="no sheet with a row in it"):
        read(path)
    monkeypatch.setattr(xlsx, "MOST_UNPACKED", 100)
    with pytest.raises(FileError, match="too much for a workbook"):
        read(path)


def test_the_format_is_told_by_the_name(tmp_path: Path) -> None:
    assert [file_format(Path(name)) for name in ("a.CSV", "a.b.tsv.gz", "a.ndjson", "a.json.zst")] == [
        ".csv", ".tsv", ".ndjson", ".json",
    ]  # fmt: skip
