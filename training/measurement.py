"""The figures of one model, the fine-tuned one or the baseline: all that the report tells and draws of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.reliability import reliability
from catalog.taxonomy import Taxonomy
from training.answers import Answers
from training.evaluation import (
    PRECISIONS,
    by_language,
    category_table,
    confusion,
    coverage_at,
    precision_coverage,
    summarize,
    tag_table,
    top_confusions,
)
from training.saving import write_json

FIGURES_FILE = "figures.json"

CURVE_POINTS = 1000
"""Points of a curve that are kept; more can't be told apart in a plot."""


def measure(
    validation: Answers, test: Answers, taxonomy: Taxonomy, thresholds: npt.NDArray[np.float32]
) -> dict[str, Any]:
    """Return the figures of a model's answers, as JSON holds them.

    Args:
        validation: to the validation part, on which the least confidence is chosen; may be empty.
        test: to the test part, which holds at least one product.
        taxonomy: names the labels.
        thresholds: the probability from which a tag is given, [T].

    Returns:
        `test` and `validation` (None where it is empty): summaries; `by_language`: a summary each; `coverage`: a row
        for each share of right answers; `categories` and `tags`: a row for each label; `confusion`: [C, C] products, or
        None where that would be too large; `confusions`: a row for each of the most frequent; `curve`: coverage and
        precision, [K] each; `reliability`: rows for `category` and, where there are, `tags`.
    """
    calibration = {"category": reliability(test.confidence, test.right)}
    if test.tags.nnz:
        calibration["tags"] = test.stated.rows()
    matrix = confusion(test, taxonomy)
    return {
        "test": summarize(test),
        "validation": summarize(validation) if len(validation) else None,
        "by_language": by_language(test),
        "coverage": [coverage_at(precision, _certainty(validation), _certainty(test)) for precision in PRECISIONS],
        "categories": category_table(test, taxonomy),
        "tags": tag_table(test, taxonomy, thresholds),
        "confusion": None if matrix is None else matrix.tolist(),
        "confusions": top_confusions(test, taxonomy),
        "curve": _curve(test),
        "reliability": calibration,
    }


def _certainty(answers: Answers) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    return answers.confidence, answers.right


def _curve(answers: Answers) -> dict[str, Sequence[float]]:
    _, coverage, precision = precision_coverage(*_certainty(answers))
    kept = np.unique(np.linspace(0, len(coverage) - 1, min(len(coverage), CURVE_POINTS)).round().astype(np.int64))
    return {"coverage": coverage[kept].tolist(), "precision": precision[kept].tolist()}


def write_figures(directory: Path, figures: Mapping[str, Any]) -> None:
    """Write the figures of a model into the output of a step."""
    write_json(directory / FIGURES_FILE, figures)


def read_figures(directory: Path) -> dict[str, Any]:
    """Read what `write_figures` wrote."""
    figures: dict[str, Any] = json.loads((directory / FIGURES_FILE).read_text(encoding="utf-8"))
    return figures
