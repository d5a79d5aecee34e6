"""The table, the files and the picture of a run."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

from loadtest.locust.figures import Figures, Level
from loadtest.locust.report import plot_levels, progress, table, verdict, write_levels
from loadtest.options import LoadOptions
from loadtest.reports import write_json

LIMITS = LoadOptions(mode="ramp", max_p99_ms=100)


def figures(kind: str, speed: float, p99: float, errors: int = 0) -> Figures:
    """Figures of one kind of request."""
    return Figures(
        kind, 1000, errors, "503: busy" if errors else "", speed, speed, p99 / 4, p99 / 3, p99 / 2, p99, p99, 0.5
    )


LEVELS = [
    Level(
        1, 50, True, 10.0, (figures("all", 50, 12), figures("HTTP, 1 text", 25, 12), figures("gRPC, 1 text", 25, 11))
    ),
    Level(
        2, 100, True, 10.0, (figures("all", 90, 400), figures("HTTP, 1 text", 45, 400), figures("gRPC, 1 text", 45, 90))
    ),
    Level(3, 75, True, 10.0, (figures("all", 0, math.inf, 1000),)),
]


def test_the_table_is_ordered_by_load_and_marks_what_is_beyond_the_limits() -> None:
    lines = list(table(LEVELS, LIMITS))
    assert [line.split()[0] for line in lines[1:]] == ["50"] * 3 + ["75"] + ["100"] * 3
    assert "beyond" not in lines[1] and lines[4].endswith("beyond the limits") and " - " in lines[4]


def test_progress_tells_each_kind_and_what_failed() -> None:
    assert list(progress(LEVELS[0])) == [
        "50 requests/s, HTTP, 1 text: 25 texts/s, p50 3.0 ms, p99 12.0 ms",
        "50 requests/s, gRPC, 1 text: 25 texts/s, p50 2.8 ms, p99 11.0 ms",
    ]
    assert list(progress(LEVELS[2])) == ["75 requests/s, all: 0 texts/s, p50 - ms, p99 - ms, 1000 of 1000 failed"]


def test_the_verdict_names_the_highest_rate_or_says_that_no_limit_was_reached() -> None:
    assert verdict(LEVELS, LIMITS) == "Highest rate with p99 under 100 ms: 50 requests/s, 50 texts/s, p99 12.0 ms."
    assert verdict(LEVELS[:1], LIMITS).startswith("No limit was reached: 50 requests/s")
    assert verdict(LEVELS[1:], LIMITS) == "No level was within the limits."


def test_the_files_have_a_row_for_each_level_and_kind(tmp_path: Path) -> None:
    write_levels(tmp_path / "levels.csv", LEVELS)
    with (tmp_path / "levels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 7 and rows[1]["kind"] == "HTTP, 1 text" and float(rows[1]["p99_ms"]) == 12.0
    assert rows[6]["p99_ms"] == "" and rows[6]["load_is"] == "requests per second"
    write_json(tmp_path / "levels.json", {"levels": [level.as_json() for level in LEVELS]})
    read = json.loads((tmp_path / "levels.json").read_text())
    assert read["levels"][2]["figures"][0]["p99_ms"] is None


def test_the_picture_is_drawn_also_where_nothing_was_answered(tmp_path: Path) -> None:
    plot_levels(tmp_path / "levels.png", LEVELS, LIMITS, "a title")
    plot_levels(tmp_path / "none.png", LEVELS[2:], LIMITS, "a title")
    assert (tmp_path / "levels.png").read_bytes().startswith(b"\x89PNG") and (tmp_path / "none.png").exists()
