"""What all reports have in common: the conditions of a run, and their JSON and CSV files."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from serving.machine import processor_name
from settings import Settings
from settings.section import Section
from steps import staged_file


def conditions(packages: Sequence[str], settings: Settings, options: Section) -> dict[str, Any]:
    """When, where and how something is measured, and with which versions of some packages."""
    return {
        "created": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "processor": processor_name(),
            # What else computes takes cores away: above a few tenths, the figures are the machine's, not the server's.
            "load_before": round(os.getloadavg()[0], 2),
        },
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "options": options.model_dump(mode="json"),
        "settings": {"serving": settings.serving.model_dump(mode="json")},
    }


def title(facts: Mapping[str, Any], measured: str) -> str:
    """What stands above a picture.

    Args:
        facts: The conditions, and of the texts their `mean_characters`.
        measured: How long or how often.
    """
    machine, characters = facts["machine"], facts["texts"]["mean_characters"]
    return (
        f"{machine['cores']} cores, load generator included ({machine['processor']}); "
        f"{characters:.0f} characters a text; {measured}"
    )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file; what is infinite is null.

    Raises:
        DiskError: The disk is full, or the path can't be written.
    """
    with staged_file(path) as staging:
        staging.write_text(json.dumps(_finite(content), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV file; numbers are rounded to thousandths, and what is infinite is empty.

    Raises:
        DiskError: The disk is full, or the path can't be written.
    """
    with staged_file(path) as staging, staging.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(head)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else ""
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
