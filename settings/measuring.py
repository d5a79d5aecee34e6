"""The settings of what measures a server: the benchmark, the load tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from settings.section import Protocol, Section, Share


class BenchSettings(Section):
    """What `make bench` measures."""

    clients: list[Annotated[int, Field(ge=1)]] = Field(default_factory=lambda: [1, 8, 32], min_length=1)
    """Numbers of clients that ask every server at once, a text a request; 1 and 32 in any case, and 256 of this one."""
    warm_up_s: Annotated[float, Field(ge=0)] = 1.5
    """Uncounted load before each measurement, in seconds; longer where a client has had no answer by then."""
    seconds: Annotated[float, Field(gt=0)] = 6.0
    """Measured time of one measurement, in seconds."""
    rounds: Annotated[int, Field(ge=1)] = 3
    """Rounds, in which all that is measured takes turns; the result is their median."""
    engine_batches: list[Annotated[int, Field(ge=1)]] = Field(default_factory=lambda: [1, 8, 32, 64], min_length=1)
    """TARGET=gpu: batches of the TensorRT plan and of PyTorch, at each length of the plan."""
    engine_seconds: Annotated[float, Field(gt=0)] = 0.5
    """TARGET=gpu: measured time of one round of one batch and length, in seconds."""


class LoadtestSettings(Section):
    """What `make loadtest` sends, and what must hold for it to succeed."""

    host: str | None = None
    """Where a server runs that is to be asked on the ports of `serving`; null: this machine, started if need be."""
    mode: Literal["closed", "open", "ramp"] = "closed"
    """`closed`: users wait for answers; `open`: constant arrival rates; `ramp`: the highest rate within the limits."""
    protocols: list[Protocol] = Field(default=["grpc"], min_length=1)
    """What users speak; with both, half of them each."""
    batch_sizes: list[Annotated[int, Field(ge=1)]] = Field(default_factory=lambda: [1], min_length=1)
    """Texts in one request; of several numbers, each has as many users."""
    catalog: Path | None = None
    """Where the texts come from, a file that `catalog` reads; null: the test part of build/catalog."""
    users: list[Annotated[int, Field(ge=1)]] = Field(default_factory=lambda: [1, 8, 32], min_length=1)
    """closed: numbers of users, a level each; a user sends the next request when the last is answered."""
    rates: list[Annotated[int, Field(ge=1)]] = Field(default_factory=lambda: [50, 100, 200], min_length=1)
    """open: arrivals a second, a level each; the time of a request counts from when it was to be sent."""
    ramp_start: Annotated[int, Field(ge=1)] = 50
    """ramp: the first level's arrivals a second."""
    ramp_growth: Annotated[float, Field(gt=1)] = 1.5
    """ramp: how many times as much the next level gets, until a limit is broken; then the rates between are tried."""
    ramp_levels: Annotated[int, Field(ge=1)] = 14
    """ramp: most levels in one run."""
    warm_up_s: Annotated[float, Field(ge=0)] = 2.0
    """Load before the measured time of each level, which is not counted, in seconds."""
    seconds: Annotated[float, Field(gt=0)] = 10.0
    """Measured time of one level, in seconds."""
    timeout_s: Annotated[float, Field(gt=0)] = 10.0
    """A request without an answer after so many seconds is given up, and counts as an error."""
    max_p99_ms: Annotated[float, Field(gt=0)] = 250.0
    """Limit: 99 % of the requests of a level take at most so long; a ramp searches under it."""
    max_error_share: Share = 0.001
    """Limit: share of the requests of a level that may fail."""
    min_texts_per_second: Annotated[float, Field(ge=0)] = 0.0
    """Limit: what the best level must answer at least, within the other limits; 0: no bound."""
    max_memory_growth: Share = 0.02
    """Limit: how much more memory the server may have in the last minute of a level than in the second; looked at in
    levels of 3 minutes or more, on a server of this machine."""


class PerfSettings(Section):
    """What `make perf` has NVIDIA's perf_analyzer measure."""

    protocols: list[Protocol] = Field(default=["grpc", "http"], min_length=1)
    """What it speaks, in turns."""
    concurrency: list[Annotated[int, Field(ge=1)]] = Field(default=[1, 2, 4, 8, 16, 32], min_length=1)
    """Numbers of requests that are on their way at any time."""
    window_s: Annotated[float, Field(gt=0)] = 2.0
    """One measurement, in seconds; three are made for each protocol and number, and averaged."""
