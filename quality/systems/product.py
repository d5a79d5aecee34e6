"""The product itself: `python -m training` on the cell's catalogue, and what its checkpoint answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from quality.cells import Cell, Products
from quality.errors import QualityError
from quality.systems.interface import Answered
from training.checkpoint import METRICS_FILE, read_checkpoint

HALVES = ("encoder", "ngrams")
"""Keys of metrics.json, `halves.test`: figures of a half of the model by itself."""


def run(cell: Cell, products: Products) -> Answered:
    """Train with the cell's settings, and ask the checkpoint.

    Raises:
        QualityError: The training failed; its own sentence stands before it in the log.
    """
    started = time.monotonic()
    command = [sys.executable, "-m", "training", "--config", str(cell.config)]
    status = subprocess.run(command, check=False).returncode
    if status:
        raise QualityError(f"the training ended with status {status}")
    seconds = time.monotonic() - started
    directory = cell.build / "checkpoint"
    metrics = json.loads((directory / METRICS_FILE).read_text(encoding="utf-8"))
    checkpoint = read_checkpoint(directory)
    training = metrics["training"]
    return Answered(
        validation=checkpoint.answers(products.validation),
        test=checkpoint.answers(products.test),
        # A run that went on after an interruption: what the clock says of the last part is too little.
        seconds=max(seconds, float(training.get("seconds", 0.0))),
        setting=_told(training),
        halves=_halves(metrics),
    )


def _told(training: Mapping[str, Any]) -> dict[str, Any]:
    """What the training says of itself in single values."""
    return {key: value for key, value in training.items() if isinstance(value, str | int | float | bool)}


def _halves(metrics: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    found = (metrics.get("halves") or {}).get("test") or {}
    return {name: found[name] for name in HALVES if found.get(name)}
