"""Where a request's time goes inside the server, from Triton's own counts before and after a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PARTS = ("queue", "compute_input", "compute_infer", "compute_output")


@dataclass(frozen=True)
class Share:
    """One model's part of the requests of a run; all times are means of a request, in milliseconds.

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


def shares(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[Share]:
    """The difference of two answers to /v2/models/…/stats, a model each, in the same order.

    A model that answered nothing meanwhile has zeros.
    """
    return [_share(former, latter) for former, latter in zip(before, after, strict=True)]


def _share(before: Mapping[str, Any], after: Mapping[str, Any]) -> Share:
    count = _difference(before, after, "success", "count")
    executions = int(after["execution_count"]) - int(before["execution_count"])
    inferences = int(after["inference_count"]) - int(before["inference_count"])

    def mean(part: str) -> float:
        return _difference(before, after, part, "ns") / count / 1e6 if count else 0.0

    return Share(
        model=str(after["name"]),
        requests=count,
        rows_per_execution=inferences / executions if executions else 0.0,
        request_ms=mean("success"),
        **{f"{part}_ms": mean(part) for part in PARTS},
    )


def _difference(before: Mapping[str, Any], after: Mapping[str, Any], part: str, unit: str) -> int:
    return int(after["inference_stats"][part][unit]) - int(before["inference_stats"][part][unit])
