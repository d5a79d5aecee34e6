"""Mapping a shop's categories to another taxonomy: proposals with a confidence, which a person corrects."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from catalog.__main__ import main

SHOP = "Audio > Headphones\nAudio > Car Speaker\nPets > Dog Beds\nClearance\n"
PUBLIC = """\
# Public_Taxonomy_Version: 2
1 - Electronics
2 - Electronics > Audio > Headphones
3 - Vehicles > Car Audio > Car Speakers
4 - Animals & Pet Supplies > Dog Supplies > Dog Beds
5 - Furniture > Beds
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "shop.txt").write_text(SHOP, encoding="utf-8")
    (tmp_path / "public.txt").write_text(PUBLIC, encoding="utf-8")
    return tmp_path


def mapped(folder: Path, *more: str) -> dict[str, dict[str, str]]:
    output = folder / "mapping.csv"
    arguments = ["taxonomy", "map", str(folder / "shop.txt"), "--to", str(folder / "public.txt")]
    assert main([*arguments, "--output", str(output), *more]) == 0
    with output.open(encoding="utf-8-sig", newline="") as stream:
        return {row["path"]: row for row in csv.DictReader(stream)}


def test_each_category_gets_the_node_with_the_most_telling_words(files: Path) -> None:
    rows = mapped(files)
    assert rows["Audio > Headphones"]["node"] == "2"
    assert rows["Audio > Car Speaker"]["node_path"] == "Vehicles > Car Audio > Car Speakers"
    assert rows["Pets > Dog Beds"]["node"] == "4"


def test_what_shares_no_word_or_is_below_the_least_confidence_is_unsure(files: Path) -> None:
    rows = mapped(files)
    assert (rows["Clearance"]["node"], rows["Clearance"]["status"]) == ("", "unsure")
    assert rows["Audio > Headphones"]["status"] == "proposed"
    assert {row["status"] for row in mapped(files, "--least", "1").values()} == {"unsure"}


def test_what_a_person_decided_is_kept_by_the_next_run(files: Path) -> None:
    mapped(files)
    text = (files / "mapping.csv").read_text(encoding="utf-8-sig").splitlines()
    changed = [
        "pets > dog-beds,,Furniture > Beds,,,Decided" if line.startswith("pets > dog") else line for line in text
    ]
    changed = ["audio > headphones,,,,,decided" if line.startswith("audio > head") else line for line in changed]
    (files / "mapping.csv").write_text("\n".join(changed), encoding="utf-8")
    rows = mapped(files)
    assert (rows["Pets > Dog Beds"]["node"], rows["Pets > Dog Beds"]["status"]) == ("5", "decided")
    assert (rows["Audio > Headphones"]["node"], rows["Audio > Headphones"]["status"]) == ("", "decided")


def test_a_decided_node_that_is_not_there_is_told_with_its_line(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = files / "mapping.csv"
    output.write_text("category,node,status\nclearance,77,decided\n", encoding="utf-8")
    arguments = ["taxonomy", "map", str(files / "shop.txt"), "--to", str(files / "public.txt")]
    assert main([*arguments, "--output", str(output)]) != 0
    assert "mapping.csv:2: the other taxonomy has no category '77'" in capsys.readouterr().err
