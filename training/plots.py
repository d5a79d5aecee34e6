"""The pictures of a training run: confusion matrix, precision over coverage, loss, and reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt

matplotlib.use("Agg")  # no screen is needed, and none is there on a server

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.evaluation import Answers, precision_coverage, reliability

MODEL_COLOR, BASELINE_COLOR, GREY = "#1f5fa8", "#d1741c", "#888888"


def plot_confusion(path: Path, counts: npt.NDArray[np.int64], names: Sequence[str]) -> None:
    """Draw the confusion matrix [C, C]: the share of each true category, and the number of products in each cell."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(24.0, 2.5 + 0.75 * len(names))
    figure, axes = _figure(size + 1, size)
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    figure.colorbar(image, ax=axes, fraction=0.046, label="share of the true category")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("answered category")
    axes.set_ylabel("true category")
    axes.set_title(f"Test products by category ({counts.sum():,})")
    if len(names) <= 30:
        for row, column in np.ndindex(*counts.shape):
            if counts[row, column]:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=color, fontsize=9)
    _save(figure, path)


def plot_precision_coverage(path: Path, model: Answers, baseline: Answers) -> None:
    """Draw which share of the answers is right when only the surest products are answered."""
    figure, axes = _figure(7.5, 5)
    lowest = 1.0
    for name, answers, color in (("BERT", model, MODEL_COLOR), ("TF-IDF + linear", baseline, BASELINE_COLOR)):
        _, coverage, precision = precision_coverage(answers.confidence, answers.answered == answers.category)
        axes.plot(coverage, precision, color=color, label=name, linewidth=1.8)
        # The first few answers are a handful of products, where one error is a large share.
        lowest = min(lowest, float(precision[coverage > 0.1].min(initial=1.0)))
    axes.axhline(0.95, color=GREY, linewidth=0.9, linestyle="--")
    axes.text(0.01, 0.95, "95 %", color=GREY, va="bottom", fontsize=9)
    axes.set_xlim(0, 1)
    axes.set_ylim(min(0.94, lowest) - 0.01, 1.002)
    axes.set_xlabel("coverage: share of the products that are answered, the surest first")
    axes.set_ylabel("precision: share of these that is right")
    axes.set_title("Category: precision over coverage, test part")
    axes.legend(loc="lower left", frameon=False)
    axes.grid(alpha=0.25)
    _save(figure, path)


def plot_loss(path: Path, history: Sequence[Mapping[str, float]], best_step: int | None) -> None:
    """Draw the training and validation loss by step, and the validation score beside them."""
    figure, axes = _figure(7.5, 5)
    _line(axes, history, "loss", "training loss", GREY, "-")
    _line(axes, history, "eval_loss", "validation loss", MODEL_COLOR, "o-")
    axes.set_xlabel("optimizer step")
    axes.set_ylabel("loss")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.25)
    if any("eval_score" in row for row in history):
        right = axes.twinx()
        _line(right, history, "eval_score", "validation score (right)", BASELINE_COLOR, "s-")
        right.set_ylabel("mean of category macro-F1 and tag micro-F1")
    if best_step:
        axes.axvline(best_step, color=GREY, linewidth=0.9, linestyle="--")
    axes.set_title("Fine-tuning" + (f" (the model of step {best_step:,} is kept)" if best_step else ""))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    _save(figure, path)


def plot_reliability(path: Path, model: Answers) -> None:
    """Draw the stated probability against the share that is right, for categories and tags."""
    figure, axes = _figure(5.5, 5.5)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle="--")
    series = [("category", model.confidence, model.answered == model.category, MODEL_COLOR)]
    if model.tags.any():
        series.append(("tags", model.tag_probabilities.ravel(), model.tags.ravel(), BASELINE_COLOR))
    for name, confidence, right, color in series:
        rows = reliability(confidence, right)
        axes.plot(
            [row["confidence"] for row in rows],
            [row["right"] for row in rows],
            "o-",
            color=color,
            label=name,
            markersize=4,
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("stated probability")
    axes.set_ylabel("share that is right")
    axes.set_title("Calibration, test part")
    axes.legend(loc="upper left", frameon=False)
    axes.grid(alpha=0.25)
    _save(figure, path)


def _line(axes: Axes, history: Sequence[Mapping[str, float]], key: str, label: str, color: str, style: str) -> None:
    points = [(row["step"], row[key]) for row in history if key in row]
    if points:
        axes.plot(*zip(*points, strict=True), style, color=color, label=label, markersize=4)


def _figure(width: float, height: float) -> tuple[Any, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
