"""What was measured at one protocol and concurrency: perf_analyzer's figures beside Triton's own."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.errors import LoadtestError
from loadtest.requests import Api

PARTS = ("queue", "compute_input", "compute_infer", "compute_output")
_PARTS_OF_MEAN = (
    "Client Send", "Client Recv", "Server Queue", "Server Compute Input", "Server Compute Infer",
    "Server Compute Output", "Network+Server Send/Recv",
)  # fmt: skip


@dataclass(frozen=True)
class Share:
    """One model's part of the requests of a run, by Triton's counts; times are means of a request, in milliseconds.

    Attributes:
        model: Its name.
        requests: How many it answered.
        rows_per_execution: Requests that were computed together, on average.
        request_ms: The whole time in the model.
        queue_ms: Waiting for other requests or for a free instance.
        compute_input_ms: Input made ready.
        compute_infer_ms: Computed.
        compute_output_ms: Output handed on.
    """

    model: str
    requests: int
    rows_per_execution: float
    request_ms: float
    queue_ms: float
    compute_input_ms: float
    compute_infer_ms: float
    compute_output_ms: float

    @property
    def compute_ms(self) -> float:
        """All but the queue."""
        return self.compute_input_ms + self.compute_infer_ms + self.compute_output_ms


@dataclass(frozen=True)
class Point:
    """One measurement.

    Attributes:
        protocol: `grpc` or `http`.
        concurrency: Requests on their way at any time.
        texts_per_second: Mean of the windows.
        slowest_window: Texts per second of the slowest of them.
        quickest_window: Of the quickest.
        mean_ms: Mean time of a request, as the client sees it.
        p50_ms: Half of the requests took at most so long; likewise the others.
        shares: By Triton's own counts; the ensemble first, then the models in the order a request passes them.
    """

    protocol: Api
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

    def parts(self) -> dict[str, float]:
        """The mean time of a request by where it went, in milliseconds.

        Together they may be a little more than `mean_ms`. A request goes on to the next model when its output is handed
        over; what the former one does after that still counts as its own.
        """
        found = {"client, network, protocol": self.outside_ms}
        for one in self.shares[1:]:
            found[f"{one.model}: queue"] = one.queue_ms
            found[f"{one.model}: compute"] = one.compute_ms
        inside = sum(one.queue_ms + one.compute_ms for one in self.shares[1:])
        return {**found, "between the models": max(0.0, self.shares[0].request_ms - inside)}


def shares(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> tuple[Share, ...]:
    """The difference of two answers to /v2/models/…/stats, a model each, in the same order.

    A model that answered nothing meanwhile has zeros.
    """
    return tuple(_share(former, latter) for former, latter in zip(before, after, strict=True))


def _share(before: Mapping[str, Any], after: Mapping[str, Any]) -> Share:
    def difference(part: str, unit: str) -> int:
        return int(after["inference_stats"][part][unit]) - int(before["inference_stats"][part][unit])

    count = difference("success", "count")
    executions = int(after["execution_count"]) - int(before["execution_count"])
    inferences = int(after["inference_count"]) - int(before["inference_count"])
    means = {part: difference(part, "ns") / count / 1e6 if count else 0.0 for part in ("success", *PARTS)}
    return Share(
        model=str(after["name"]),
        requests=count,
        rows_per_execution=inferences / executions if executions else 0.0,
        request_ms=means["success"],
        **{f"{part}_ms": means[part] for part in PARTS},
    )


def read_point(protocol: Api, concurrency: int, path: Path, said: str, found: tuple[Share, ...]) -> Point:
    """Reads perf_analyzer's CSV file, and the windows' throughputs from what it said.

    Raises:
        LoadtestError: The file isn't as expected.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            row = next(iter(csv.DictReader(stream)))
        windows = [float(value) for value in re.findall(r"^ *Pass \[\d+\] throughput: ([\d.]+)", said, re.MULTILINE)]
        speed = float(row["Inferences/Second"])
        return Point(
            protocol=protocol,
            concurrency=concurrency,
            texts_per_second=speed,
            slowest_window=min(windows, default=speed),
            quickest_window=max(windows, default=speed),
            mean_ms=sum(float(row[name]) for name in _PARTS_OF_MEAN) / 1000,
            **{f"p{part}_ms": float(row[f"p{part} latency"]) / 1000 for part in (50, 90, 95, 99)},
            shares=found,
        )
    except (OSError, StopIteration, KeyError, TypeError, ValueError) as error:
        raise LoadtestError(f"perf_analyzer's file {path.name} is not as expected ({error!r}).") from None
