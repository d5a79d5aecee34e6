"""The figures that this server is judged by: each compares two measurements of the same round."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.bench.contestants import BATCHES, BUSY, CROWD, ONE, Contestants
from loadtest.bench.measure import Load, Series

MEGABYTES = 1.048576
"""In a MiB."""
_BOUNDS: dict[str, Callable[[float, float], bool]] = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        what: What it tells.
        bound: `≥`, `≤` or `<`.
        target: What it is held against.
        unit: Of both; empty for a ratio.
        values: One a round.
        note: What else is to be known; empty for nothing.
        spoiled: Whether it can't be reached whatever its value is.
    """

    what: str
    bound: str
    target: float
    unit: str
    values: tuple[float, ...]
    note: str = ""
    spoiled: bool = False

    @property
    def value(self) -> float:
        """The middle of the rounds."""
        return float(np.median(self.values))

    @property
    def reached(self) -> bool:
        """Whether the middle of the rounds keeps to the bound."""
        return not self.spoiled and _BOUNDS[self.bound](self.value, self.target)


class Results:
    """What was measured, by contestant and load."""

    def __init__(self, series: Sequence[Series]) -> None:
        self._series = {(one.name, one.load): one for one in series}

    def of(self, name: str, load: Load) -> Series:
        """The rounds of a contestant under a load."""
        return self._series[name, load]

    def ratios(self, column: str, above: tuple[str, Load], below: tuple[str, Load]) -> tuple[float, ...]:
        """One column of one contestant ÷ that of another, in each round."""
        return tuple(
            np.divide(self.of(*above).values(column), np.maximum(self.of(*below).values(column), 1e-9)).tolist()
        )

    def most(self, column: str, names: Sequence[str]) -> tuple[float, ...]:
        """The highest of a column in each round, over all loads of some contestants."""
        columns = [one.values(column) for (name, _), one in self._series.items() if name in names]
        return tuple(np.max(columns, axis=0).tolist())


def figures(series: Sequence[Series], who: Contestants) -> list[Figure]:
    """All figures, whatever their values."""
    results = Results(series)
    grpc, http, engine = who.grpc.name, who.http.name, who.engine.name
    busy, ceiling = (grpc, BUSY), (engine, who.all_cores)
    crowd = results.of(grpc, CROWD)
    one = np.subtract(results.of(grpc, ONE).values("p50_ms"), results.of(engine, ONE).values("p50_ms"))
    rss = np.multiply(results.most("rss_mib", [grpc, http]), MEGABYTES)
    pss = np.multiply(results.most("pss_mib", [grpc, http]), MEGABYTES)
    speed, cost = "texts_per_second", "cpu_ms"
    return [
        Figure(
            f"throughput at 32 clients ÷ {who.fastapi.name}",
            "≥", 10.0, "", results.ratios(speed, busy, (who.fastapi.name, BUSY)),
        ),
        Figure(
            f"throughput at 32 clients ÷ {who.plain.name}",
            "≥", 3.0, "", results.ratios(speed, busy, (who.plain.name, BUSY)),
        ),
        Figure("CPU time of a text at 32 clients ÷ in process", "≤", 1.15, "", results.ratios(cost, busy, ceiling)),
        Figure("p50 of one client − p50 in process", "≤", 1.0, "ms", tuple(one.tolist())),
        Figure(
            "throughput at 64 texts a request ÷ in process", "≥", 0.9, "",
            results.ratios(speed, (grpc, BATCHES), ceiling),
        ),
        Figure("throughput at 32 clients, HTTP ÷ gRPC", "≥", 0.7, "", results.ratios(speed, (http, BUSY), busy)),
        Figure(
            "throughput at 256 clients ÷ at 32", "≥", 0.95, "", results.ratios(speed, (grpc, CROWD), busy),
            note=f"{crowd.errors} errors", spoiled=crowd.errors > 0,
        ),
        Figure(
            "CPU time of a text in process, engine ÷ FP32 ONNX Runtime", "≤", 0.5, "",
            results.ratios(cost, ceiling, (who.float32.name, who.all_cores)),
        ),
        Figure(
            "memory of the server's processes, resident", "<", 900.0, "MB", tuple(rss.tolist()),
            note=f"{np.median(pss):.0f} MB where shared memory counts once",
        ),
    ]  # fmt: skip
