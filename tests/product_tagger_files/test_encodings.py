"""Text in the encodings that shops' programs write."""

from __future__ import annotations

from pathlib import Path

import pytest

from product_tagger_files import FileError, ReadOptions, encodings
from tests.product_tagger_files.conftest import read

CHINESE = (
    "id,title,category\n1,夏季纯棉连衣裙 女 包邮,服饰\n2,手机支架 车载 磁吸出风口,汽车\n3,每日坚果礼盒 750g,食品\n"
)
TRADITIONAL = "id,title,category\n1,夏季純棉連衣裙 女 免運,服飾\n2,手機支架 車用 磁吸出風口,汽車\n3,每日堅果禮盒,食品\n"
KOREAN = "id,title,category\n1,여름 면 원피스 여성,의류\n2,차량용 휴대폰 거치대 자석,자동차\n3,견과류 선물 세트,식품\n"
JAPANESE = "id,title,category\n1,夏用コットンワンピース,服\n2,車載スマホホルダー,車\n3,ナッツギフトボックス,食品\n"
RUSSIAN = "id,title,category\n1,Летнее платье из хлопка,одежда\n2,Держатель для телефона,авто\n3,Набор орехов,еда\n"
GERMAN = "id,title,category\n1,Schöne Jacke für Männer,Kleidung\n2,Weiße Schüssel,Küche\n3,Gemütliche Decke,Möbel\n"
FRENCH = "id,title,category\n1,Robe d'été légère,vêtements\n2,Crème pour le visage,beauté\n3,Boîte à thé,épicerie\n"


def titles_of(text: str) -> list[str]:
    return [line.split(",")[1] for line in text.splitlines()[1:]]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "utf-8-sig"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-16-be"),
        (GERMAN * 20, "utf-16-le"),
        (CHINESE, "gbk"),
        (CHINESE.replace("id,title", "编号,title"), "gb18030"),
        (TRADITIONAL, "big5"),
        (KOREAN, "cp949"),
        (JAPANESE, "cp932"),
        (RUSSIAN, "cp1251"),
        (GERMAN, "cp1252"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_encoding_of_a_file_is_detected(tmp_path: Path, text: str, encoding: str, ending: str) -> None:
    (tmp_path / "shop.csv").write_bytes(text.replace("\n", ending).encode(encoding))
    assert read(tmp_path / "shop.csv").titles[:3] == titles_of(text)[:3]


def test_json_lines_are_decoded_likewise(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_text('{"title": "夏季纯棉连衣裙", "category": "服饰"}\n' * 5, encoding="gbk")
    assert read(tmp_path / "shop.jsonl").titles == ["夏季纯棉连衣裙"] * 5


def test_an_encoding_that_cannot_be_told_is_a_sentence_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(FRENCH.encode("cp1252"))
    with pytest.raises(FileError, match=r"can't be told .*cp125\d or cp125\d.*catalog.encoding \(tag: --encoding\)"):
        read(tmp_path / "shop.csv")
    assert read(tmp_path / "shop.csv", ReadOptions(encoding="latin-1")).titles == titles_of(FRENCH)


def test_a_given_encoding_is_used_but_a_byte_order_mark_knows_better(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(CHINESE.encode("big5", "ignore"))
    assert read(tmp_path / "shop.csv", ReadOptions(encoding="big5")).products
    (tmp_path / "shop.csv").write_text(CHINESE, encoding="utf-8-sig")
    assert read(tmp_path / "shop.csv", ReadOptions(encoding="gb18030")).titles == titles_of(CHINESE)


@pytest.mark.parametrize("name", ["utf-99", "rot13", "base64", "utf-8\0"])
def test_an_encoding_that_does_not_exist_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "shop.csv").write_text(CHINESE)
    with pytest.raises(FileError, match="there is no encoding"):
        read(tmp_path / "shop.csv", ReadOptions(encoding=name))


@pytest.mark.parametrize("strange", [CHINESE.splitlines()[1].encode("gbk"), b"9,\xff\xfe,home"])
def test_a_few_rows_that_are_not_utf_8_are_rejected_alone_with_the_setting(tmp_path: Path, strange: bytes) -> None:
    (tmp_path / "shop.csv").write_bytes(CHINESE.encode() + strange + b"\n")
    reading = read(tmp_path / "shop.csv")
    assert (reading.titles, reading.reasons) == (titles_of(CHINESE), ["undecodable bytes"])
    assert "catalog.encoding (tag: --encoding)" in reading.rejects[0].detail


def test_a_character_cut_by_the_end_of_the_sample_speaks_for_no_other_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in range(40, 60):
        monkeypatch.setattr(encodings, "SAMPLE", size)
        (tmp_path / "shop.csv").write_text(CHINESE, encoding="utf-8")
        assert read(tmp_path / "shop.csv").titles == titles_of(CHINESE)


def test_utf_16_that_was_cut_off_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(CHINESE.encode("utf-16")[:-3])
    with pytest.raises(FileError, match="cut off in a character"):
        read(tmp_path / "shop.csv")


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PK\x03\x04", "zip archive or an Excel"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PAR1", "Parquet"),
        (b"\xd0\xcf\x11\xe0", "old"),
    ],
)
def test_a_file_that_is_no_text_is_called_what_it_is(tmp_path: Path, start: bytes, what: str) -> None:
    (tmp_path / "shop.csv").write_bytes(start + b"\0" * 50)
    with pytest.raises(FileError, match=f"is .*{what}.* by its content"):
        read(tmp_path / "shop.csv")
