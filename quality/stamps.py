"""What a result is made from: where one of these changes, it is made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from catalog.sources import find_source
from quality.cells import Cell
from quality.systems import System
from steps import code_digest, files_digest, versions

JUDGED = 1
"""Counts up when what is kept of a system's answers, or how it is measured, changes."""
PARTS = ("train.jsonl", "validation.jsonl", "test.jsonl", "taxonomy.json")
NO_RESULT = {
    "catalog": frozenset({"path", "taxonomy"}),
    "training": frozenset({"report_to"}),
}
"""Settings that decide nothing of a result: the files are known by their content."""


def inputs_of(cell: Cell, system: System) -> dict[str, Any]:
    """Return what a system's result in a cell is made from, by name, as digests and values that JSON can hold.

    Raises:
        CatalogError: The data set's files are gone.
        FileNotFoundError: The cell's catalogue is not prepared.
    """
    settings = cell.settings()
    chosen: dict[str, Any] = {}
    for section, keys in system.settings.items():
        values = getattr(settings, section).model_dump(mode="json", include=keys, exclude=NO_RESULT.get(section))
        chosen |= {f"{section}.{key}": value for key, value in values.items()}
    inputs: dict[str, Any] = {
        "the products": files_digest([cell.catalog / name for name in PARTS], cell.catalog),
        "the settings": {**chosen, "seed": cell.seed},
        "the code": code_digest(*system.code),
        "the versions": versions(system.packages),
        "the way of measuring": JUDGED,
    }
    if system.reads_files:
        source = find_source(str(cell.task.stem), cell.build, cell.seed, settings.catalog.taxonomy)
        files = [*source.files.values(), *([source.taxonomy] if source.taxonomy else [])]
        inputs["the files"] = {file.name: _digest(file) for file in files}
    return inputs


def _digest(path: Path) -> str:
    return files_digest([path], path.parent)
