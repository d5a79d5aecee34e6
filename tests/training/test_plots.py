"""Plots show the figures they are made of, with axes that a reader can name."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from training.plots import confusion_figure, loss_figure, precision_coverage_figure, reliability_figure


def lines(figure: Figure, axes: int = 0) -> dict[str, list[tuple[float, float]]]:
    """Label → points of the labelled curves."""
    return {
        str(line.get_label()): [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]
        for line in figure.axes[axes].get_lines()
        if not str(line.get_label()).startswith("_")
    }


def test_the_confusion_matrix_counts_the_products_and_colours_their_share() -> None:
    figure = confusion_figure(np.array([[8, 2], [0, 5]]), ["food", "home"])
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answered category", "true category")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["food", "home"]
    assert {text.get_text(): text.get_position() for text in axes.texts} == {"8": (0, 0), "2": (1, 0), "5": (1, 1)}
    assert np.asarray(axes.images[0].get_array()).tolist() == [[0.8, 0.2], [0.0, 1.0]]
    assert "15" in axes.get_title()


def test_precision_over_coverage_has_a_curve_for_the_model_and_one_for_the_baseline() -> None:
    model, baseline = {"coverage": [0.5, 1.0], "precision": [1.0, 0.9]}, {"coverage": [0.5, 1.0], "precision": [1, 0.8]}
    figure = precision_coverage_figure(model, baseline)
    assert lines(figure)["BERT"] == [(0.5, 1.0), (1.0, 0.9)]
    assert lines(figure)["TF-IDF + linear"] == [(0.5, 1.0), (1.0, 0.8)]
    axes = figure.axes[0]
    assert axes.get_ylim()[0] < 0.8, "the lowest point is within the plot"
    assert axes.get_xlabel().startswith("coverage") and axes.get_ylabel().startswith("precision")


def test_without_a_baseline_the_model_stands_alone() -> None:
    assert list(lines(precision_coverage_figure({"coverage": [1.0], "precision": [0.97]}, None))) == ["BERT"]


def test_the_loss_is_drawn_by_step_with_the_score_beside_it_and_the_kept_step_named() -> None:
    history = [
        {"step": 10, "loss": 2.0},
        {"step": 20, "loss": 1.0},
        {"step": 20, "eval_loss": 1.5, "eval_score": 0.7},
    ]
    figure = loss_figure(history, 20)
    assert lines(figure)["training loss"] == [(10, 2.0), (20, 1.0)]
    assert lines(figure)["validation loss"] == [(20, 1.5)]
    assert lines(figure, 1)["validation score (right)"] == [(20, 0.7)]
    assert "step 20 is kept" in figure.axes[0].get_title()
    assert figure.axes[0].get_xlabel() == "optimizer step"


def test_reliability_sets_what_is_stated_against_what_is_right() -> None:
    bins = [{"confidence": 0.6, "right": 0.5, "share": 0.4}, {"confidence": 0.9, "right": 0.95, "share": 0.6}]
    figure = reliability_figure({"category": bins, "tags": bins[:1]})
    assert lines(figure)["category"] == [(0.6, 0.5), (0.9, 0.95)]
    assert lines(figure)["tags"] == [(0.6, 0.5)]
    assert figure.axes[0].get_xlabel() == "stated probability"
