"""What `catalog check --show` tells of the cleaning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.__main__ import main
from catalog.cleaning import clean_text
from catalog.removals import find_removals, mark_removals
from product_tagger_files import ReadOptions


@pytest.mark.parametrize(
    ("raw", "marked"),
    [
        ("Free shipping! <b>Oak shelf</b>, 20% off", "[-Free shipping! <b>-]Oak shelf[-</b>, 20% off-]"),
        ("【免運】現貨 保溫杯 500ml", "[-【免運】現貨 -]保溫杯 500ml"),
        ("Salt &amp; pepper mill", "Salt &[-amp;-] pepper mill"),
        ("内存卡 １２８ＧＢ", "内存卡 [-１２８ＧＢ-]{+128GB+}"),
        ("<style>p{color:red}</style>Oak\nshelf", "[-<style>p{color:red}</style>-]Oak shelf"),
        ("Free shipping stickers", "Free shipping stickers"),
        ("Oak\x1b[2J shelf", "Oak[-\\x1b-]{+ +}[2J shelf"),
    ],
)
def test_what_went_is_marked_in_the_raw_text(raw: str, marked: str) -> None:
    assert mark_removals(raw, clean_text(raw)).replace("{+ +}", " ") == marked.replace("{+ +}", " ")


def test_long_pieces_are_shortened() -> None:
    raw = f"<p style='{'x' * 500}'>{'oak ' * 100}shelf{' ' + 'y' * 20_000}"
    marked = mark_removals(raw, clean_text(raw))
    assert marked.startswith("[-<p style='xxxx") and " … " in marked and len(marked) < 500


def test_samples_are_drawn_from_the_products_that_cleaning_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "shop.jsonl"
    titles = [f"Oak shelf {number} cm" + (", free shipping" if number % 3 == 0 else "") for number in range(90)]
    path.write_text("\n".join(json.dumps({"title": title, "category": "home"}) for title in titles), encoding="utf-8")
    found = find_removals(path, ReadOptions(), 8)
    assert (found.products, found.changed, len(found.samples)) == (90, 30, 8)
    assert all(sample.marked == f"Oak shelf {sample.line - 1} cm[-, free shipping-]" for sample in found.samples)
    assert [sample.line for sample in found.samples] == sorted({sample.line for sample in found.samples})
    assert max(sample.line for sample in found.samples) > 24  # not merely the first ones
    config = tmp_path / "tagger.yaml"
    config.write_text("{}", encoding="utf-8")
    assert main(["check", "--config", str(config), "--show", "8", str(path)]) == 0
    output = capsys.readouterr().out
    assert "Cleaning changed the texts of 30 of 90 products; 8 of them:" in output
    assert f"  {found.samples[0].line} {found.samples[0].id}: {found.samples[0].marked}\n" in output
