"""The last step: the report and its plots; it also brings the checkpoint's metrics.json and model card up to date."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from catalog.prepared import READERS
from catalog.taxonomy import Taxonomy
from settings import Settings
from steps import Step, code_digest, file_digest, staged_file, versions
from steps.stamps import STAMP
from training import plots
from training.card import model_card
from training.chain.inputs import content_digest, read_taxonomy
from training.course import COURSE_FILE, Course, read_course
from training.measurement import FIGURES_FILE, read_figures
from training.report import LABELS_FILE, combined, label_rows, report_text
from training.saving import write_json

logger = logging.getLogger(__name__)

DPI = 130
PACKAGES = ("huggingface-hub", "matplotlib")


def reported_step(settings: Settings, before: Mapping[str, Path], left_out: str | None) -> Step:
    """The step that reports on a checkpoint.

    Args:
        settings: `build_dir` is used.
        before: outputs of the steps before: `fine-tuned`, `checkpoint`, `measured`, and `baseline` unless left out.
        left_out: why there is no baseline, one sentence.
    """
    figures = (FIGURES_FILE,)
    baseline = content_digest(before["baseline"], figures) if "baseline" in before else left_out
    return Step(
        "The report",
        settings.build_dir / "reports" / "training",
        {
            # When it was made counts here: a new checkpoint comes without the figures that the report puts into it.
            "the checkpoint": file_digest(before["checkpoint"] / STAMP),
            "the course of fine-tuning": content_digest(before["fine-tuned"], (COURSE_FILE,)),
            "the checkpoint's figures": content_digest(before["measured"], figures),
            "the baseline's figures": baseline,
            "the code": code_digest("training.chain.reported", without=READERS),
            "the versions": versions(PACKAGES),
        },
        holds=("report.md", "metrics.json", LABELS_FILE),
    )


def make_reported(step: Step, settings: Settings, before: Mapping[str, Path], left_out: str | None) -> None:
    """Write report and plots, and put figures and text into the checkpoint.

    Args:
        step: what is made.
        settings: `build_dir` is used.
        before: as in `reported_step`.
        left_out: as in `reported_step`.

    Raises:
        TrainingError: How the model was fine-tuned can't be read.
        DiskError: The disk is full, or can't be written.
    """
    checkpoint, taxonomy = before["checkpoint"], read_taxonomy(settings)
    course, model = read_course(before["fine-tuned"]), read_figures(before["measured"])
    baseline = read_figures(before["baseline"]) if "baseline" in before else {}
    learnt = json.loads((checkpoint / "metrics.json").read_text(encoding="utf-8"))
    beside = baseline if "test" in baseline else None
    metrics = combined(learnt, model, beside, baseline.get("left_out", left_out))
    text = report_text(metrics, taxonomy)
    with step.making() as directory:
        (directory / "report.md").write_text(text, encoding="utf-8")
        write_json(directory / "metrics.json", metrics)
        _write_labels(directory / LABELS_FILE, label_rows(model, beside))
        for name, draw in _figures(course, model, baseline, taxonomy).items():
            _save(directory / name, draw)
        with staged_file(checkpoint / "metrics.json") as file:
            write_json(file, metrics)
        with staged_file(checkpoint / "README.md") as file:
            file.write_text(model_card(metrics, text), encoding="utf-8")


def _write_labels(path: Path, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write a line of CSV for each category and tag."""
    columns = ("kind", "id", "products", "precision", "recall", "f1", "threshold", "baseline_f1")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for kind, of_kind in rows.items():
            writer.writerows({"kind": "category" if kind == "categories" else "tag", **row} for row in of_kind)


def _figures(
    course: Course, model: Mapping[str, Any], baseline: Mapping[str, Any], taxonomy: Taxonomy
) -> dict[str, Callable[[], Figure]]:
    drawn: dict[str, Callable[[], Figure]] = {}
    if course.history:
        drawn["loss.png"] = partial(plots.loss_figure, course.history, course.training["best_step"])
    if model.get("test"):
        if model["confusion"] is not None:
            counts = np.array(model["confusion"], dtype=np.int64)
            drawn["confusion.png"] = partial(plots.confusion_figure, counts, taxonomy.category_ids)
        drawn["precision_coverage.png"] = partial(
            plots.precision_coverage_figure, model["curve"], baseline.get("curve")
        )
        drawn["reliability.png"] = partial(plots.reliability_figure, model["reliability"])
    return drawn


def _save(path: Path, draw: Callable[[], Figure]) -> None:
    """A plot that can't be drawn is told; the report is of use without it."""
    try:
        figure = draw()
        figure.savefig(path, dpi=DPI)
    except OSError:
        raise
    except Exception as error:
        logger.warning("The plot %s can't be drawn (%s: %s); the report is complete without it.",
                       path.name, type(error).__name__, error)  # fmt: skip
        logger.debug("Where it happened:", exc_info=True)
        path.unlink(missing_ok=True)
