"""perf_analyzer: how it is fetched, what is missing, what is read from it; and the real one on the real server."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from loadtest.errors import LoadtestError
from loadtest.perf import fetch
from loadtest.perf.__main__ import main
from loadtest.perf.fetch import (
    FOR_GLIBC_2_38,
    FOR_OLDER_GLIBC,
    Analyzer,
    glibc_version,
    prepare_analyzer,
    wheels_for,
)
from loadtest.perf.points import Point, Share, read_point, shares
from loadtest.perf.report import plot, table, write_points
from loadtest.requests import Api
from serving.control import start
from settings import load_settings
from tests.loadtest.conftest import Workplace

SOURCES = Path(__file__).parents[2]
LIBRARY = "perf_analyzer needs the library libb64.so.0d, which is missing. Install it: `apt-get install libb64-0d`"


@pytest.fixture(scope="session")
def analyzer_problem() -> str:
    """Fetches the real program, once and into the project's cache; what is missing of the system, empty if nothing."""
    try:
        prepare_analyzer()
    except LoadtestError as error:
        if str(error).startswith(LIBRARY):  # a machine without it; anything else is a failure
            return str(error)
        raise
    return ""


def share(model: str, request: float, queue: float = 0.0, infer: float = 0.0) -> Share:
    """One model's part."""
    return Share(model, 100, 2.0, request, queue, 0.0, infer, 0.0)


def point(protocol: Api, concurrency: int, mean: float = 10.0) -> Point:
    """A measurement in which the models account for 8 of the server's 9 ms."""
    found = (share("product_tagger", 9.0), share("tokenizer", 3, 1, 2), share("classifier", 5, 1, 4))
    return Point(protocol, concurrency, 100.0, 90.0, 110.0, mean, 9.0, 12.0, 13.0, 20.0, found)


def test_the_wheel_is_that_of_the_systems_glibc() -> None:
    assert wheels_for((2, 36)) == wheels_for((2, 35)) == FOR_OLDER_GLIBC
    assert wheels_for((2, 38)) == wheels_for((2, 41)) == FOR_GLIBC_2_38
    assert glibc_version() >= (2, 35)


def test_without_glibc_the_systems_that_have_it_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "confstr", lambda name: None)
    with pytest.raises(LoadtestError, match=r"this system has another C library.*Debian 12"):
        glibc_version()


def test_a_missing_library_is_told_with_its_package(tmp_path: Path) -> None:
    wheel = FOR_OLDER_GLIBC[0]
    folder = tmp_path / f"perf-analyzer-{wheel.version}-{wheel.digest[:8]}"
    folder.mkdir()
    told = "perf_analyzer: error while loading shared libraries: libb64.so.0d: cannot open shared object file"
    (folder / "perf_analyzer").write_text(f"#!/bin/sh\necho '{told}' >&2\nexit 127\n")
    (folder / "perf_analyzer").chmod(0o755)
    with pytest.raises(LoadtestError) as raised:
        prepare_analyzer(tmp_path, FOR_OLDER_GLIBC)
    assert str(raised.value) == f"{LIBRARY} on Debian and Ubuntu."


def test_a_wheel_with_another_digest_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    other = dataclasses.replace(FOR_OLDER_GLIBC[1], digest="0" * 64)
    with pytest.raises(LoadtestError, match=r"nvidia-cuda-runtime-cu12 12\.6\.77, .* can't be downloaded"):
        prepare_analyzer(tmp_path, (other,))
    assert [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_a_cache_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(LoadtestError, match="Set XDG_CACHE_HOME"):
        prepare_analyzer(tmp_path / "cache", FOR_OLDER_GLIBC)


def test_the_libraries_beside_the_program_are_found_first(monkeypatch: pytest.MonkeyPatch) -> None:
    analyzer = Analyzer(Path("/cache/perf/perf_analyzer"), "2.51.0")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    assert analyzer.environment()["LD_LIBRARY_PATH"] == "/cache/perf:/opt/lib"
    monkeypatch.delenv("LD_LIBRARY_PATH")
    assert analyzer.environment()["LD_LIBRARY_PATH"] == "/cache/perf"


def statistics(count: int, queue_ns: int, infer_ns: int, executions: int) -> dict[str, Any]:
    """A model's part of Triton's answer."""
    stats = {name: {"count": count, "ns": 0} for name in ("compute_input", "compute_output")}
    stats |= {"success": {"count": count, "ns": queue_ns + infer_ns}, "queue": {"count": count, "ns": queue_ns}}
    stats["compute_infer"] = {"count": count, "ns": infer_ns}
    return {"name": "m", "execution_count": executions, "inference_count": count, "inference_stats": stats}


def test_shares_are_the_means_of_what_was_counted_in_between() -> None:
    before, after = statistics(100, 5, 7, 90), statistics(300, 5 + 200_000_000, 7 + 800_000_000, 140)
    (found,) = shares([before], [after])
    assert (found.requests, found.rows_per_execution) == (200, 4.0)
    assert (found.request_ms, found.queue_ms, found.compute_ms) == (5.0, 1.0, 4.0)
    (none,) = shares([after], [after])
    assert (none.requests, none.request_ms, none.rows_per_execution) == (0, 0.0, 0.0)


HEAD = (
    "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server Compute Input,"
    "Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,p95 latency,p99 latency\n"
)


def test_what_perf_analyzer_writes_and_says_is_read(tmp_path: Path) -> None:
    path = tmp_path / "grpc-2.csv"
    path.write_text(f"{HEAD}2,213.349,3,2454,2,56,5921,902,5,8160,14651,17963,37899\n")
    said = "  Pass [1] throughput: 225.296 infer/sec. Avg\n  Pass [2] throughput: 201.205 infer/sec. Avg\n"
    found = read_point("grpc", 2, path, said, (share("product_tagger", 7.0),))
    assert (found.slowest_window, found.texts_per_second, found.quickest_window) == (201.205, 213.349, 225.296)
    assert found.mean_ms == pytest.approx(9.343) and found.p99_ms == 37.899
    assert found.outside_ms == pytest.approx(2.343)


@pytest.mark.parametrize("content", ["", HEAD, "Concurrency,Inferences/Second\n2,100\n"])
def test_a_file_that_is_not_as_expected_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "grpc-2.csv").write_text(content)
    with pytest.raises(LoadtestError, match=r"grpc-2\.csv is not as expected"):
        read_point("grpc", 2, tmp_path / "grpc-2.csv", "", ())


def test_the_parts_of_a_request_add_up() -> None:
    found = point("grpc", 1).parts()
    assert list(found) == [
        "client, network, protocol", "tokenizer: queue", "tokenizer: compute", "classifier: queue",
        "classifier: compute", "between the models",
    ]  # fmt: skip
    assert sum(found.values()) == 10.0 and found["client, network, protocol"] == found["between the models"] == 1.0


def test_the_report_has_a_row_for_each_point(tmp_path: Path) -> None:
    points = [point("grpc", 1), point("grpc", 8, 30.0), point("http", 1)]
    lines = list(table(points))
    assert lines[2].split()[:4] == ["gRPC", "8", "100", "90–110"] and lines[0].endswith("texts a batch")
    write_points(tmp_path / "perf.csv", points)
    with (tmp_path / "perf.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3 and rows[1]["mean_ms"] == "30.0" and rows[0]["classifier: compute ms"] == "4.0"
    plot(tmp_path / "perf.png", points, "a title")
    assert (tmp_path / "perf.png").read_bytes().startswith(b"\x89PNG")


def test_the_real_perf_analyzer_measures_both_protocols(
    running: Workplace, analyzer_problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(running.arguments("--concurrency", "1", "4", "--window-s", "0.5"))
    printed = capsys.readouterr()
    if analyzer_problem:
        assert status == 1 and f"error: {LIBRARY}" in printed.err
        return
    assert status == 0, printed.err
    reports = running.build / "reports" / "perf"
    found = json.loads((reports / "perf.json").read_text())
    assert [(one["protocol"], one["concurrency"]) for one in found["points"]] == [
        ("grpc", 1), ("grpc", 4), ("http", 1), ("http", 4),
    ]  # fmt: skip
    for one in found["points"]:
        assert one["texts_per_second"] > 0 and 0 < one["p50_ms"] <= one["p99_ms"]
        assert [share["model"] for share in one["shares"]] == ["product_tagger", "classifier"]
        assert all(share["requests"] > 0 and share["compute_infer_ms"] >= 0 for share in one["shares"])
    names = {path.name for path in reports.iterdir()}
    assert {"perf.csv", "perf.json", "perf.png", "grpc-4.csv", "classifier_v1.http-1.csv"} <= names
    assert "input.json" not in names
    assert all(one["parts_ms"]["classifier: compute"] > 0 for one in found["points"]) and found["perf_analyzer"]


def test_the_response_cache_is_not_measured(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start(load_settings(overrides=[*workplace.pairs, "serving.response_cache_mib=16"]))
    monkeypatch.setattr("loadtest.perf.__main__.prepare_analyzer", lambda: Analyzer(Path("/none"), "2.51.0"))
    assert main(workplace.arguments()) == 1
    told = r"error: The response cache of \w+ is on, and texts repeat: .* serving\.response_cache_mib=0"
    assert re.search(told, capsys.readouterr().err)
    assert not (workplace.build / "reports" / "perf").exists()


def fake_analyzer(folder: Path, script: Sequence[str]) -> Path:
    """A program that does what the test says in place of perf_analyzer, where the cache has it."""
    wheel = wheels_for(glibc_version())[0]
    place = folder / "product-tagger" / f"perf-analyzer-{wheel.version}-{wheel.digest[:8]}"
    place.mkdir(parents=True)
    program = place / fetch.PROGRAM
    program.write_text("\n".join(["#!/bin/sh", '[ "$1" = --version ] && exit 0', *script]) + "\n")
    program.chmod(0o755)
    return folder


def test_a_perf_analyzer_that_fails_is_told_with_its_last_line(
    running: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(fake_analyzer(tmp_path / "cache", ["echo no such model", "exit 99"])))
    assert main(running.arguments("--concurrency", "2")) == 1
    told = "error: perf_analyzer failed over grpc at concurrency 2 (status 99): no such model"
    assert told in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_measured_until_then(running: Workplace, tmp_path: Path) -> None:
    row = "1,100,1,1,1,1,1,1,1,10,20,30,40"
    script = [
        "for last; do :; done",  # the name of the file is the last argument
        'case "$last" in grpc-2.csv) exec sleep 600;; esac',
        f"printf '{HEAD.strip()}\\n{row}\\n' > \"$last\"",
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(fake_analyzer(tmp_path / "cache", script))}
    command = [sys.executable, "-m", "loadtest.perf", *running.arguments("--concurrency", "1", "2")]
    with subprocess.Popen(
        command, cwd=SOURCES, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stderr is not None
            said = next((line for line in process.stderr if line.startswith("gRPC, 1 at once: ")), "")
            assert said
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130 and "what was measured until then is kept" in process.stderr.read()
        finally:
            process.kill()
    found = json.loads((running.build / "reports" / "perf" / "perf.json").read_text())
    assert found["stopped_early"] and [one["concurrency"] for one in found["points"]] == [1]
