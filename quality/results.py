"""A system's result in a cell: one JSON file that appears whole, and why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from quality.cells import Cell
from quality.outcomes import Outcomes
from quality.systems import System
from steps import changed, staged_file


@dataclass(frozen=True)
class Result:
    """What a system reached in a cell.

    Attributes:
        system: its name.
        task: the cell's.
        size: the cell's, a number or `all`.
        seed: the cell's.
        created: when, as ISO 8601 in UTC.
        inputs: what it was made from.
        labels: training products.
        validation: validation products.
        seconds: what learning took.
        processor_seconds: what all of it took of the processors, answering included.
        figures: as in metrics.json, and `coverage_95`.
        setting: what the system chose.
        halves: name of a part of the system → its figures.
        answers: what it said of each test product, as `Outcomes.to_json` has it; a `brief` result has the counts only.
    """

    system: str
    task: str
    size: str
    seed: int
    created: str
    inputs: Mapping[str, Any]
    labels: int
    validation: int
    seconds: float
    processor_seconds: float
    figures: Mapping[str, float]
    setting: Mapping[str, Any]
    halves: Mapping[str, Mapping[str, float]]
    answers: Mapping[str, Any]

    def outcomes(self) -> Outcomes:
        """What it said of each test product; none of a `brief` result."""
        return Outcomes.from_json(self.answers)

    def brief(self) -> Result:
        """The same without what it said of each product: a night's results would take a gigabyte of memory."""
        kept = {name: self.answers[name] for name in ("products", "categories", "tags")}
        return replace(self, answers={**kept, "tested_on": len(self.answers["category"])})


def now() -> str:
    """The time for `Result.created`."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def result_file(cell: Cell, system: System) -> Path:
    """Where a system's result lies."""
    return cell.folder / f"{system.name}.json"


def failure_file(cell: Cell, system: System) -> Path:
    """Where the reason lies why there is none."""
    return cell.folder / f"{system.name}.failed"


def log_file(cell: Cell, system: System) -> Path:
    """Where its log lies."""
    return cell.folder / f"{system.name}.log"


def write_result(cell: Cell, system: System, result: Result) -> None:
    """Write a result; what failed before is forgotten.

    Raises:
        DiskError: The disk is full, or the path can't be written.
    """
    with staged_file(result_file(cell, system)) as staging:
        staging.write_text(json.dumps(vars_of(result), ensure_ascii=False) + "\n", encoding="utf-8")
    failure_file(cell, system).unlink(missing_ok=True)


def read_result(cell: Cell, system: System) -> Result | None:
    """Read a result; None where there is none that can be read."""
    try:
        return Result(**json.loads(result_file(cell, system).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def read_failure(cell: Cell, system: System) -> str | None:
    """Read why a system has no result; None where it has not failed."""
    try:
        return failure_file(cell, system).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def reason_to_run(result: Result | None, inputs: Mapping[str, Any]) -> str | None:
    """Say why a system has to run, for "…, because …"; None where its result is up to date."""
    if result is None:
        return "it is not there yet"
    difference = changed(result.inputs, inputs)
    return f"{difference} changed since {result.created}" if difference else None


def vars_of(result: Result) -> dict[str, Any]:
    """Return a result's fields as JSON holds them."""
    return {name: getattr(result, name) for name in Result.__dataclass_fields__}
