"""Runs perf_analyzer at one protocol and concurrency after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loadtest.errors import LoadtestError
from loadtest.options import PerfOptions
from loadtest.perf.fetch import Analyzer
from loadtest.perf.points import Point, read_point, shares
from loadtest.target import Target
from serving.health import TAGGER
from serving.processes import end_process, spawn_dependent

WINDOWS = 3
WARM_UP_S = 0.4
INPUT = "input.json"


def sweep(
    analyzer: Analyzer, target: Target, texts: Sequence[str], folder: Path, options: PerfOptions
) -> Iterator[Point]:
    """Measures one point after the other.

    Args:
        analyzer: The program.
        target: The server.
        texts: perf_analyzer sends one after the other.
        folder: Gets perf_analyzer's own CSV files and what it says.
        options: The protocols, concurrencies and times.

    Raises:
        LoadtestError: perf_analyzer fails.
    """
    models = target.models()
    data = {"data": [{"TEXT": [text]} for text in texts]}
    (folder / INPUT).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    try:
        for protocol in options.protocols:
            _analyze(analyzer, target, folder, protocol, max(options.concurrency), WARM_UP_S, "warm-up")
            for path in folder.glob("*warm-up.csv"):
                path.unlink()
            for count in options.concurrency:
                name = f"{protocol}-{count}"
                before = [_statistics(target, model) for model in models]
                said = _analyze(analyzer, target, folder, protocol, count, options.window_s, name)
                after = [_statistics(target, model) for model in models]
                yield read_point(protocol, count, folder / f"{name}.csv", said, shares(before, after))
    finally:
        (folder / INPUT).unlink()


def _statistics(target: Target, model: str) -> Any:
    return target.ask(f"/v2/models/{model}/stats")["model_stats"][0]


def _analyze(
    analyzer: Analyzer, target: Target, folder: Path, protocol: str, concurrency: int, window_s: float, name: str
) -> str:
    """One run of perf_analyzer; returns what it said."""
    port = target.grpc_port if protocol == "grpc" else target.http_port
    # From its own folder: it writes a file for each model beside the one it is given, by a name without a path.
    command = ["env", "-C", str(folder.resolve()), str(analyzer.program), "-v", "-m", TAGGER]
    command += ["-i", protocol, "-u", f"{target.host}:{port}", "--input-data", INPUT, "--shape", "TEXT:1"]
    command += ["--concurrency-range", str(concurrency), "--measurement-interval", str(round(1000 * window_s))]
    # Every window counts, however they differ: on a machine that does other work too, it would else measure until it
    # finds some that don't, or give up. How far they lie apart is in the report.
    command += ["--max-trials", str(WINDOWS), "--stability-percentage", "1000000", "-f", f"{name}.csv"]
    log = folder / "perf_analyzer.log"
    begin = log.stat().st_size if log.exists() else 0
    with log.open("ab") as stream:
        process = spawn_dependent(command, analyzer.environment(), stream)
        try:
            status = process.wait()
        except BaseException:
            end_process(process)
            raise
    said = log.read_bytes()[begin:].decode("utf-8", "replace")
    if status or not (folder / f"{name}.csv").exists():
        lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
        raise LoadtestError(
            f"perf_analyzer failed over {protocol} at concurrency {concurrency} (status {status}): {lines[-1]}"
        )
    return said
