"""From rounds to the table, the JSON file and the plot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.bench.load import Job
from loadtest.bench.measure import BenchError, Round, Series, System, cpu_seconds, measure, run_job
from loadtest.bench.peer import decide
from loadtest.bench.report import as_json, plot, ratios, table, write_json
from serving.temporary import free_ports


def series(system: str, clients: int, *speeds: float, errors: int = 0) -> Series:
    """Rounds with these speeds."""
    return Series(system, clients, tuple(Round(speed, 1.0, 2.0, 3.0, 0.1, errors, "busy") for speed in speeds))


RESULTS = [
    series("Triton", 1, 100, 300, 200), series("peer", 1, 40, 40, 50), series("peer", 32, 50, 50, 50),
    series("Triton", 32, 500, 400, 450, errors=2),
]  # fmt: skip


def test_the_table_has_medians_with_the_spread_of_the_rounds_and_the_errors() -> None:
    lines = [line.split() for line in table(RESULTS)]
    assert lines[1] == ["1", "Triton", "200", "100–300", "1.0", "2.0", "3.00", "0"]
    assert lines[4] == ["32", "Triton", "450", "400–500", "1.0", "2.0", "3.00", "6"]


def test_ratios_compare_medians_at_the_same_number_of_clients() -> None:
    assert ratios(RESULTS, "peer") == {"Triton": {"1": 5.0, "32": 9.0}}


def test_the_report_and_the_plot_are_written(tmp_path: Path) -> None:
    write_json(tmp_path / "bench.json", as_json(RESULTS, "peer", {"release": "r"}))
    read = json.loads((tmp_path / "bench.json").read_text())
    assert read["release"] == "r" and read["times_the_peers_throughput"]["Triton"]["32"] == 9.0
    assert read["results"][0]["texts_per_second"] == {"median": 200, "min": 100, "max": 300}
    plot(tmp_path / "bench.png", RESULTS, "a title")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"bench.json", "bench.png"}


def test_the_systems_take_turns_and_each_round_begins_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def note(job: Job, system: System) -> Round:
        asked.append((system.name, job.clients))
        return Round(1, 1, 1, 1, 1, 0, "")

    monkeypatch.setattr("loadtest.bench.measure.run_job", note)
    systems = [System(name, "peer-http", 1, 1) for name in "abc"]
    found = measure(systems, ["text"], [1, 8], 1.0, 2, lambda line: None)
    assert asked[:6] == [("a", 1), ("b", 1), ("c", 1), ("a", 8), ("b", 8), ("c", 8)]
    assert asked[6:9] == [("b", 1), ("c", 1), ("a", 1)]
    assert all(len(one.rounds) == 2 for one in found) and len(found) == 6


def test_children_count_towards_what_a_server_computes() -> None:
    burn = (
        "import time\nend = time.process_time() + 0.3\n"
        "while time.process_time() < end:\n    pass\nprint(flush=True); input()"
    )
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert 0.25 <= cpu_seconds(process.pid) < 1.5  # the kernel counts in hundredths
        process.communicate("\n")
    with pytest.raises(BenchError, match="ended while it was measured"):
        cpu_seconds(process.pid)


def test_a_server_that_answers_nothing_is_told() -> None:
    (port,) = free_ports(1)
    with subprocess.Popen(["sleep", "30"]) as server:
        system = System("Nobody", "triton-http", port, server.pid)
        try:
            with pytest.raises(BenchError, match=r"Nobody answered no request\. \d+ got: Connect"):
                run_job(Job("triton-http", port, 1, 0.0, 0.2, ["text"]), system)
        finally:
            server.kill()


def test_a_load_generator_that_fails_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen(["sleep", "30"]) as server:
        try:
            with pytest.raises(BenchError, match="the load generator ended before its time"):
                run_job(Job("triton-http", 1, 1, 0.0, 0.2, []), System("Nobody", "triton-http", 1, server.pid))
        finally:
            server.kill()
    assert "there are no texts to send" in capfd.readouterr().err


def test_the_peer_decides_as_the_labeler_does() -> None:
    logits = {"category/food": 1.0, "category/home": 3.0, "tag/gift": 0.0, "tag/nuts": -3.0, "tag/red": -1.0}
    answer = decide(logits, {"gift": 0.6, "nuts": 0.5, "red": 0.2})
    assert answer["category"] == "home" and answer["category_score"] == pytest.approx(0.8808, abs=1e-4)
    assert [(tag["name"], round(tag["score"], 3)) for tag in answer["tags"]] == [("red", 0.269)]
