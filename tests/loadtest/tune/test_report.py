"""The lines, the table, the files and the picture of a tuning."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from loadtest.reports import write_json
from loadtest.tune.candidates import Candidate
from loadtest.tune.plot import plot
from loadtest.tune.report import as_json, progress_line, table, write_csv
from loadtest.tune.trials import Figures, Limits, Trial, results

DEFAULT = Candidate(2, 1, "auto", "auto", 512)
QUICK = Candidate(1, 2, "auto", "auto", 1024)
BROKEN = Candidate(2, 1, 8, "auto", 512)
LATE = Candidate(2, 1, "auto", 2000, 512)
LIMITS = Limits(100.0, 5.0)
TRIALS = [
    Trial(DEFAULT, "first", 9.0, Figures(100.0, 20.0, 40.0, 4.0, 2.0)),
    Trial(BROKEN, "first", 9.0, None, "Triton did not start."),
    Trial(LATE, "first", 9.0, Figures(130.0, 60.0, 120.0, 6.0, 1.9)),
    Trial(QUICK, "first", 9.0, Figures(120.0, 20.0, 41.0, 4.0, 2.0)),
    Trial(QUICK, "round", 15.0, Figures(124.0, 20.0, 41.0, 4.0, 2.0)),
    Trial(DEFAULT, "round", 15.0, Figures(101.0, 20.0, 40.0, 4.0, 2.0)),
    Trial(DEFAULT, "again", 15.0, Figures(99.0, 20.0, 40.0, 4.0, 2.0)),
]


def test_a_line_tells_the_settings_that_differ_the_figures_and_the_time_left() -> None:
    assert progress_line(TRIALS[4], 83.9, DEFAULT) == (
        "[1:23 left] again, instances 1, threads 2, token_budget 1024: 124 texts/s, p99 41.0 ms; a single client 4.0 ms"
    )
    assert progress_line(TRIALS[1], 0, DEFAULT) == (
        "[0:00 left] joined_batch_size 8: not measured: Triton did not start."
    )


def test_the_table_has_the_frontier_the_default_and_what_is_out_of_the_question() -> None:
    lines = list(table(results(TRIALS), DEFAULT, QUICK, LIMITS))
    assert lines[1].split()[:6] == ["1", "2", "1", "auto", "2000", "512"]
    assert lines[1].endswith("p99 over 100 ms, a single client waits more than 5.0 ms")
    assert lines[2].split()[:7] == ["2", "1", "2", "auto", "auto", "1024", "124"]
    assert lines[2].endswith("chosen, median of 1")
    assert lines[3].split()[:6] == ["2", "1", "auto", "auto", "512", "100"] and lines[3].endswith(
        "default, median of 2"
    )
    assert lines[4:] == ["Out of the question: joined_batch_size 8. Triton did not start."]


def test_the_files_have_every_measurement_and_what_came_of_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "measurements.csv", TRIALS)
    with (tmp_path / "measurements.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 7 and rows[1]["texts_per_second"] == "" and rows[1]["problem"] == "Triton did not start."
    assert (rows[4]["stage"], rows[4]["threads"], rows[4]["p99_ms"]) == ("round", "2", "41.0")
    write_json(tmp_path / "tune.json", as_json(TRIALS, DEFAULT, QUICK, LIMITS, {"release": "r"}))
    read = json.loads((tmp_path / "tune.json").read_text())
    assert read["release"] == "r" and read["chosen"]["token_budget"] == 1024 and len(read["measurements"]) == 7
    quick = next(one for one in read["candidates"] if one["token_budget"] == 1024)
    assert quick["in_the_rounds"] and quick["on_the_frontier"] and quick["texts_per_second"] == [124.0]
    undecided = as_json(TRIALS[:1], DEFAULT, None, LIMITS, {})
    assert undecided["chosen"] is None


def test_the_picture_is_drawn_with_one_candidate_or_many(tmp_path: Path) -> None:
    plot(tmp_path / "many.png", results(TRIALS), DEFAULT, QUICK, LIMITS, "a title")
    plot(tmp_path / "one.png", results(TRIALS[:1]), DEFAULT, None, LIMITS, "a title")
    assert (tmp_path / "many.png").read_bytes().startswith(b"\x89PNG") and (tmp_path / "one.png").exists()
