"""What both load tests share: the texts, the server, and the folder of a report."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from loadtest.reports import ReportError, report_folder
from loadtest.texts import TEXTS, TextsError, describe, draw_texts
from settings import CatalogSettings, Settings


def test_texts_are_drawn_from_a_catalogue_file_with_its_lengths(tmp_path: Path) -> None:
    file = tmp_path / "shop.jsonl"
    # Every tenth title is long.
    rows = [{"name": f"{number} " + ("long " * 40 if number % 10 == 0 else "short")} for number in range(3 * TEXTS)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = Settings(catalog=CatalogSettings(columns={"title": "name"}))
    texts = draw_texts(settings, file)
    assert len(set(texts)) == TEXTS and texts == draw_texts(settings, file)
    assert sum("long" in text for text in texts) / TEXTS == pytest.approx(0.1, abs=0.03)
    told = describe(texts)
    assert told["different"] == TEXTS and told["p50_characters"] < 12 and told["longest_characters"] > 200


def test_a_catalogue_without_texts_is_told(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("title,category\n,food\n")
    with pytest.raises(TextsError, match=r"shop\.csv has no product with a text"):
        draw_texts(Settings(), file)


def half_written(place: Path, error: Exception) -> None:
    """A report that something comes in between of."""
    with report_folder(place) as folder:
        (folder / "a").write_text("second")
        raise error


def test_a_report_takes_its_place_whole_or_leaves_the_former_one(tmp_path: Path) -> None:
    place = tmp_path / "reports" / "loadtest"
    with report_folder(place) as folder:
        (folder / "a").write_text("first")
        assert not place.exists()
    with pytest.raises(ValueError, match="cut off"):
        half_written(place, ValueError("cut off"))
    assert (place / "a").read_text() == "first"
    with report_folder(place) as folder:
        (folder / "b").write_text("third")
    assert [path.name for path in place.iterdir()] == ["b"] and list(place.parent.iterdir()) == [place]


def test_a_full_disk_is_told_and_the_former_report_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "loadtest"
    place.mkdir()
    (place / "a").write_text("first")
    with pytest.raises(ReportError, match=r"The disk of .*loadtest is full"):
        half_written(place, OSError(errno.ENOSPC, "No space left on device"))
    assert (place / "a").read_text() == "first" and list(tmp_path.iterdir()) == [place]


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with (
        pytest.raises(ReportError, match=r"can't be written into .*BUILD=DIR"),
        report_folder(tmp_path / "reports" / "x"),
    ):
        pass
