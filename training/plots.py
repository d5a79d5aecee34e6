"""The pictures of a training run: confusion matrix, precision over coverage, loss, and reliability.

Each function returns a Figure that no screen and no global state is needed for; `Figure.savefig` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

MODEL_COLOR, BASELINE_COLOR, GREY = "#1f5fa8", "#d1741c", "#888888"


def confusion_figure(counts: npt.NDArray[np.int64], names: Sequence[str]) -> Figure:
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
    return figure


def precision_coverage_figure(
    model: Mapping[str, Sequence[float]], baseline: Mapping[str, Sequence[float]] | None
) -> Figure:
    """Draw which share of the answers is right when only the surest products are answered.

    Args:
        model: `coverage` and `precision`, [K] each, in ascending order of the coverage.
        baseline: the same of the baseline; None where there is none.
    """
    figure, axes = _figure(7.5, 5)
    lowest = 1.0
    for name, curve, color in (("BERT", model, MODEL_COLOR), ("TF-IDF + linear", baseline, BASELINE_COLOR)):
        if curve is not None:
            axes.plot(curve["coverage"], curve["precision"], color=color, label=name, linewidth=1.8)
            # The first few answers are a handful of products, where one error is a large share.
            points = zip(curve["coverage"], curve["precision"], strict=True)
            lowest = min([lowest, *(precision for coverage, precision in points if coverage > 0.1)])
    axes.axhline(0.95, color=GREY, linewidth=0.9, linestyle="--")
    axes.text(0.01, 0.95, "95 %", color=GREY, va="bottom", fontsize=9)
    axes.set_xlim(0, 1)
    axes.set_ylim(min(0.94, lowest) - 0.01, 1.002)
    axes.set_xlabel("coverage: share of the products that are answered, the surest first")
    axes.set_ylabel("precision: share of these that is right")
    axes.set_title("Category: precision over coverage, test part")
    axes.legend(loc="lower left", frameon=False)
    axes.grid(alpha=0.25)
    return figure


def loss_figure(history: Sequence[Mapping[str, float]], best_step: int | None) -> Figure:
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
    return figure


def reliability_figure(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Draw the stated probability against the share that is right.

    Args:
        rows: `category` and perhaps `tags` → for each bin the mean `confidence` and the share `right`.
    """
    figure, axes = _figure(5.5, 5.5)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle="--")
    for (name, bins), color in zip(rows.items(), (MODEL_COLOR, BASELINE_COLOR), strict=False):
        axes.plot(
            [row["confidence"] for row in bins],
            [row["right"] for row in bins],
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
    return figure


def _line(axes: Axes, history: Sequence[Mapping[str, float]], key: str, label: str, color: str, style: str) -> None:
    points = [(row["step"], row[key]) for row in history if key in row]
    if points:
        axes.plot(*zip(*points, strict=True), style, color=color, label=label, markersize=4)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()
