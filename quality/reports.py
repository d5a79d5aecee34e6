"""Brings build/reports/quality up to date with the results that lie there: table, plot, and all of it as JSON."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from quality.comparison import Row, Seeds
from quality.plan import Plan
from quality.plot import plot
from quality.results import Result, read_failure, read_result, result_file
from quality.systems import SYSTEMS
from quality.table import report, summary
from serving.machine import processor_name
from steps import staged_file

logger = logging.getLogger(__name__)

FIGURES = (
    "category_accuracy", "category_macro_f1", "category_ece", "coverage_95", "tag_micro_f1", "tag_macro_f1", "tag_ece",
)  # fmt: skip


@dataclass
class Reports:
    """The report of a plan.

    Attributes:
        folder: where quality.md, quality.json and quality.png are written.
        plan: whose cells are told.
        data: the folder of the data sets, as it was named.
    """

    folder: Path
    plan: Plan
    data: Path
    _seeds: dict[tuple[tuple[str, int], ...], Seeds] = field(default_factory=dict)

    def write(self) -> list[str]:
        """Write all three files; return the sentences of the summary.

        Raises:
            DiskError: The disk is full, or the folder can't be written.
        """
        rows = list(self.rows())
        there = {name for row in rows for name in row.systems}
        systems = [system.name for system in SYSTEMS if system.name in there]
        facts = conditions(self.data)
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.folder / "quality.md", report(rows, systems, facts))
        content = {**facts, "rows": [as_json(row) for row in rows]}
        _write(self.folder / "quality.json", json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        machine = facts["machine"]
        title = f"{machine['cores']} cores ({machine['processor']}); bars: 95 % intervals over test products"
        try:
            plot(self.folder / "quality.png", rows, systems, title)
        except OSError:
            raise
        except Exception as error:
            logger.warning(
                "The plot can't be drawn (%s: %s); the table is complete without.", type(error).__name__, error
            )
        return list(summary([row for row in rows if row.any]))

    def rows(self) -> Sequence[Row]:
        """The rows of the table, from the results of all the plan's cells that have some."""
        rows = []
        for task, size in self.plan.rows():
            cells = [self.plan.cell(task, size, number) for number in range(self.plan.seeds_of(task, size))]
            systems: dict[str, Seeds] = {}
            failures: dict[str, str] = {}
            for system in self.plan.systems:
                files = [result_file(cell, system) for cell in cells]
                key = tuple((str(file), file.stat().st_mtime_ns) for file in files if file.is_file())
                if key not in self._seeds:
                    found = (read_result(cell, system) for cell in cells)
                    self._seeds[key] = Seeds.of(result for result in found if result)
                if self._seeds[key].results:
                    systems[system.name] = self._seeds[key]
                reasons = [reason for cell in cells if (reason := read_failure(cell, system))]
                if reasons:
                    failures[system.name] = reasons[0]
            rows.append(Row(task.name, cells[0].size, systems, failures))
        return rows


def conditions(data: Path) -> dict[str, Any]:
    """When, where and on what."""
    return {
        "created": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "machine": {"cores": len(os.sched_getaffinity(0)), "processor": processor_name()},
        "data": str(data),
    }


def as_json(row: Row) -> dict[str, Any]:
    """A row with all its figures, seeds and intervals."""
    one = row.any
    return {
        "task": row.task,
        "size": row.size,
        "labels": one.labels if one else None,
        "categories": one.answers["categories"] if one else None,
        "tags": one.answers["tags"] if one else None,
        "tested_on": one.answers["tested_on"] if one else None,
        "systems": {
            name: {
                "figures": {figure: asdict(value) for figure in FIGURES if (value := seeds.figure(figure))},
                "seeds": {str(seed): _kept(result) for seed, result in seeds.results.items()},
            }
            for name, seeds in row.systems.items()
        },
        "differences": {name: asdict(one) for name, one in row.differences.items()},
        "failures": dict(row.failures),
    }


def _kept(result: Result) -> Mapping[str, Any]:
    """A result without its answers, which its own file has."""
    return {
        "created": result.created,
        "validation": result.validation,
        "seconds": result.seconds,
        "processor_seconds": result.processor_seconds,
        "figures": result.figures,
        "setting": result.setting,
        "halves": result.halves,
    }


def _write(path: Path, text: str) -> None:
    with staged_file(path) as staging:
        staging.write_text(text, encoding="utf-8")
