"""From measurements to the tables, the JSON file and the picture."""

from __future__ import annotations

import json
from pathlib import Path

from loadtest.bench.contestants import BATCHES, CROWD, ONE
from loadtest.bench.figures import Figure, figures
from loadtest.bench.measure import Load
from loadtest.bench.picture import plot
from loadtest.bench.report import as_json, figures_table, table, unanswered
from loadtest.reports import write_json
from tests.loadtest.bench.conftest import complete, contestants, series

RESULTS = [
    series("grpc", ONE, 100, 300, 200), series("peer", Load(8), 40, 40, 50, errors=2),
    series("grpc", BATCHES, 500, 400, 450),
]  # fmt: skip
FIGURES = [
    Figure("speed", "≥", 10.0, "", (9.0, 12.345, 11.0)),
    Figure("memory", "<", 900.0, "MB", (901.4, 950.0, 903.0), note="472 MB shared once"),
]


def test_the_table_has_medians_with_the_spread_of_the_rounds_and_the_errors() -> None:
    lines = [line.split() for line in table(RESULTS)]
    assert lines[1] == ["1", "grpc", "200", "100–300", "1.0", "2.0", "3.00", "100", "60", "0"]
    assert lines[2][-1] == "6" and lines[3][:6] == ["4", "×", "64", "grpc", "450", "400–500"]


def test_each_figure_is_a_line_with_its_target_its_rounds_and_whether_it_is_reached() -> None:
    lines = [line.split() for line in figures_table(FIGURES)]
    assert lines[1] == ["speed", "≥", "10.00", "11.00", "9.00–12.35", "yes"]
    assert lines[2] == ["memory", "<", "900", "MB", "903", "MB", "901–950", "NO", "472", "MB", "shared", "once"]


def test_what_was_not_answered_is_told_with_the_first_error() -> None:
    assert list(unanswered(RESULTS)) == ["peer, 8 clients: 6 requests unanswered; the first got: busy"]


def test_the_json_file_has_everything(tmp_path: Path) -> None:
    write_json(tmp_path / "bench.json", as_json(RESULTS, FIGURES, {"release": "r"}))
    read = json.loads((tmp_path / "bench.json").read_text())
    assert read["release"] == "r" and read["figures"][0] == {
        "figure": "speed", "target": "≥ 10", "median": 11.0, "rounds": [9.0, 12.345, 11.0], "reached": True, "note": "",
    }  # fmt: skip
    assert read["figures"][1]["target"] == "< 900 MB" and not read["figures"][1]["reached"]
    last = read["results"][2]
    assert (last["server"], last["clients"], last["texts_a_request"]) == ("grpc", 4, 64)
    assert last["texts_per_second"] == {"median": 450, "min": 400, "max": 500, "rounds": [500, 400, 450]}


def test_the_picture_is_drawn_from_all_that_was_measured_and_appears_whole(tmp_path: Path) -> None:
    who = contestants()
    plot(tmp_path / "bench.png", complete(who, {}), who, "a title")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["bench.png"]


def test_the_report_begins_with_the_servers_in_their_order_and_ends_with_what_has_no_server() -> None:
    who = contestants()
    ordered = [(one.name, one.load) for one in who.in_order(complete(who, {}))]
    assert ordered[:5] == [(name, ONE) for name in ("grpc", "http", "plain", "litserve", "fastapi")]
    assert ordered[-5:] == [
        ("grpc", CROWD), ("grpc", BATCHES), ("engine", ONE), ("engine", who.all_cores), ("float32", who.all_cores),
    ]  # fmt: skip
    assert len(figures(who.in_order(complete(who, {})), who)) == 9


def test_a_load_is_told_by_its_clients_and_the_texts_of_a_request() -> None:
    assert str(Load(32)) == "32" and str(BATCHES) == "4 × 64"
