"""Runs perf_analyzer at one protocol and concurrency after the other, and reads what it and Triton say."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.perf.fetch import Analyzer, AnalyzerError
from loadtest.perf.shares import Share, shares
from loadtest.target import Target
from serving.health import TAGGER
from serving.processes import end_process, spawn_dependent

WINDOWS = 3
WARM_UP_MS = 400
_SENT = ("Client Send", "Client Recv")
_SERVER = ("Server Queue", "Server Compute Input", "Server Compute Infer", "Server Compute Output")
_NETWORK = "Network+Server Send/Recv"


@dataclass(frozen=True)
class Point:
    """What was measured at one protocol and concurrency.

    Attributes:
        protocol: `grpc` or `http`.
        concurrency: Requests on their way at any time.
        texts_per_second: Mean of the windows.
        slowest_window: Texts per second of the slowest of them.
        quickest_window: Of the quickest.
        mean_ms: Mean time of a request, as the client sees it.
        p50_ms: Half of the requests took at most so long; likewise the others.
        p90_ms: See p50_ms.
        p95_ms: See p50_ms.
        p99_ms: See p50_ms.
        shares: By Triton's own counts; the ensemble first, then the models in the order a request passes them.
    """

    protocol: str
    concurrency: int
    texts_per_second: float
    slowest_window: float
    quickest_window: float
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    shares: tuple[Share, ...]

    @property
    def outside_ms(self) -> float:
        """Client, network and the server's protocol layer: what the ensemble does not account for."""
        return max(0.0, self.mean_ms - self.shares[0].request_ms)

    @property
    def between_ms(self) -> float:
        """Time in the ensemble and in none of its models; 0 where theirs overlap more."""
        return max(0.0, self.shares[0].request_ms - sum(one.queue_ms + one.compute_ms for one in self.shares[1:]))


def write_input(path: Path, texts: Sequence[str]) -> None:
    """Writes the texts as perf_analyzer wants them: it sends one after the other."""
    data = {"data": [{"TEXT": [text]} for text in texts]}
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def sweep(
    analyzer: Analyzer,
    target: Target,
    folder: Path,
    protocols: Sequence[str],
    concurrency: Sequence[int],
    window_seconds: float,
) -> Iterator[Point]:
    """Measures one point after the other.

    Args:
        analyzer: The program.
        target: The server.
        folder: Has `input.json`, and gets perf_analyzer's own CSV files and what it says.
        protocols: `grpc`, `http`.
        concurrency: See Point.
        window_seconds: Length of one of the windows.

    Raises:
        AnalyzerError: perf_analyzer fails.
    """
    models = target.models()
    for protocol in protocols:
        _analyze(analyzer, target, folder, protocol, max(concurrency), WARM_UP_MS, "warm-up")
        for path in folder.glob("*warm-up.csv"):
            path.unlink()
        for count in concurrency:
            name = f"{protocol}-{count}"
            before = [_statistics(target, model) for model in models]
            said = _analyze(analyzer, target, folder, protocol, count, round(1000 * window_seconds), name)
            after = [_statistics(target, model) for model in models]
            yield read_point(protocol, count, folder / f"{name}.csv", said, shares(before, after))


def _statistics(target: Target, model: str) -> Any:
    return target.ask(f"/v2/models/{model}/stats")["model_stats"][0]


def _analyze(
    analyzer: Analyzer,
    target: Target,
    folder: Path,
    protocol: str,
    concurrency: int,
    window_ms: int,
    name: str,
) -> str:
    port = target.grpc_port if protocol == "grpc" else target.http_port
    # From its own folder: it writes a file for each model beside the one it is given, by a name without a path.
    command = ["env", "-C", str(folder.resolve()), str(analyzer.program), "-v", "-m", TAGGER]
    command += ["-i", protocol, "-u", f"{target.host}:{port}", "--input-data", "input.json", "--shape", "TEXT:1"]
    command += ["--concurrency-range", str(concurrency), "--measurement-interval", str(window_ms)]
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
    with log.open("rb") as lines:
        lines.seek(begin)
        said = lines.read().decode("utf-8", "replace")
    if status or not (folder / f"{name}.csv").exists():
        last = [line for line in said.splitlines() if line.strip()][-1:]
        raise AnalyzerError(
            f"perf_analyzer failed over {protocol} at concurrency {concurrency} (status {status}): "
            f"{last[0].strip() if last else 'it said nothing'}"
        )
    return said


def read_point(protocol: str, concurrency: int, path: Path, said: str, found: Sequence[Share]) -> Point:
    """Reads perf_analyzer's CSV file, and the windows' throughputs from what it said.

    Raises:
        AnalyzerError: The file isn't as expected.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            row = next(iter(csv.DictReader(stream)))
        mean_us = sum(float(row[name]) for name in (*_SENT, *_SERVER, _NETWORK))
        windows = [float(value) for value in re.findall(r"^ *Pass \[\d+\] throughput: ([\d.]+)", said, re.MULTILINE)]
        speed = float(row["Inferences/Second"])
        return Point(
            protocol=protocol,
            concurrency=concurrency,
            texts_per_second=speed,
            slowest_window=min(windows, default=speed),
            quickest_window=max(windows, default=speed),
            mean_ms=mean_us / 1000,
            **{f"p{part}_ms": float(row[f"p{part} latency"]) / 1000 for part in (50, 90, 95, 99)},
            shares=tuple(found),
        )
    except (OSError, StopIteration, KeyError, TypeError, ValueError) as error:
        raise AnalyzerError(f"perf_analyzer's file {path.name} is not as expected ({error!r}).") from None
