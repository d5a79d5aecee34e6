"""Every line of a catalogue is told as what it is, and rejects count by their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.__main__ import main
from catalog.prepare import check, prepare
from catalog.readers import CatalogError
from settings.schema import CatalogSettings, Settings

WORDS = ("oak", "elm", "ash", "fir", "teak", "pine", "yew", "fig", "nut", "bay")


def products(count: int) -> str:
    return "".join(f"{WORDS[n % 10]} {WORDS[n // 10 % 10]} shelf {n},of wood,home\n" for n in range(count))


@pytest.fixture
def swallowed(tmp_path: Path) -> Path:
    """A hundred products, then one whose quoted description of 400 lines is never closed."""
    steps = "\n".join(f"step {n},turn the knob,then wait" for n in range(400))
    (tmp_path / "shop.csv").write_text(f'title,description,category\n\n{products(100)}oven,"{steps}\n')
    return tmp_path / "shop.csv"


def test_rejects_count_by_their_lines(swallowed: Path, tmp_path: Path) -> None:
    settings = Settings(build_dir=tmp_path / "build", catalog=CatalogSettings(path=str(swallowed)))
    with pytest.raises(CatalogError, match=r"1 of 101 rows, 400 of 500 lines \(80\.0%\) can't be used"):
        prepare(settings)


def test_check_tells_what_each_line_is(swallowed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(swallowed)]) == 1
    told = capsys.readouterr().out
    assert "502 lines: 100 of products, 400 rejected, 2 without a row (headers, empty lines)." in told
    assert "lines 103 to 502 can't be read" in told


def test_prepare_tells_the_lines_too(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("title,description,category\n" + products(60) + 'yew,"two\nlines",home\n')
    settings = Settings(build_dir=tmp_path / "build", catalog=CatalogSettings(path=str(tmp_path / "shop.csv")))
    summary = prepare(settings).summary
    assert summary["lines"] == {"products": 62, "continuations": 1, "rejected": 0, "other": 1}
    assert "63 lines: 62 of products (1 of them continue one), 0 rejected, 1 without a row" in summary["told"][0]


def test_the_variants_of_a_rejected_product_are_rejected_lines(tmp_path: Path) -> None:
    header = "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Option1 Name,Option1 Value,Variant SKU\n"
    good = "a,Oak shelf,x,v,Home > Shelves,shelf,wood,Size,S,1\na,,,,,,,,M,2\n"
    bad = "b,Elm shelf,x,v,,,wood,Size,S,1\nb,,,,,,,,M,2\nb,,,,,,,,L,3\n"
    (tmp_path / "shop.csv").write_text(header + good + bad)
    checked = check(tmp_path / "shop.csv", CatalogSettings())
    ingest, rejects = checked.ingest, checked.rejects
    assert [reject.reason for reject in rejects] == ["no category"]
    assert ingest.line_counts.to_json() == {"products": 2, "continuations": 1, "rejected": 3, "other": 1}
    assert ingest.reject_share == 0.6
