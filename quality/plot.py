"""The report as a picture: accuracy by number of labels, a panel for each task, a line for each system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from quality.bootstrap import ACCURACY, MACRO_F1, NAMES
from quality.comparison import Row
from quality.systems import BY_NAME, PRODUCT
from steps import staged_file

COLUMNS = 3
SPREAD = 1.04
"""Systems stand beside each other by this factor, so that their bars don't cover each other."""


def plot(path: Path, rows: Sequence[Row], systems: Sequence[str], title: str) -> None:
    """Draw the rows that have results; macro-F1 is the pale line. No file where there is nothing to draw.

    Raises:
        DiskError: The disk is full, or the path can't be written.
    """
    panels = [
        (task, list(of_task)) for task, of_task in groupby((row for row in rows if row.any), key=lambda row: row.task)
    ]
    if not panels:
        return
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot

    width = min(COLUMNS, len(panels))
    height = math.ceil(len(panels) / width)
    figure, axes = pyplot.subplots(
        height, width, figsize=(5.2 * width, 3.9 * height + 0.6), layout="constrained", squeeze=False
    )
    try:
        for place, (task, of_task) in zip(axes.flat, panels, strict=False):
            _panel(place, task, of_task, systems)
        for empty in list(axes.flat)[len(panels) :]:
            empty.set_visible(False)
        handles = {
            label: handle
            for place in axes.flat
            for handle, label in zip(*place.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), frameon=False)
        figure.suptitle(title, fontsize=9)
        with staged_file(path) as staging:
            figure.savefig(staging, format="png", dpi=130)
    finally:
        pyplot.close(figure)


def _panel(axes: Any, task: str, rows: Sequence[Row], systems: Sequence[str]) -> None:
    """One task."""
    places = sorted({_labels(row) for row in rows})
    for number, name in enumerate(systems):
        shift = SPREAD ** (number - (len(systems) - 1) / 2)
        for figure_name, alpha in ((ACCURACY, 1.0), (MACRO_F1, 0.35)):
            points = [
                (_labels(row) * shift, figure)
                for row in rows
                if name in row.systems and (figure := row.systems[name].figure(figure_name))
            ]
            if not points:
                continue
            middles = [figure.median for _, figure in points]
            bars = [
                [figure.median - (figure.median if figure.low is None else figure.low) for _, figure in points],
                [(figure.median if figure.high is None else figure.high) - figure.median for _, figure in points],
            ]
            label = f"{BY_NAME[name].title}, {NAMES[figure_name]}" if figure_name == MACRO_F1 else BY_NAME[name].title
            axes.errorbar(
                [x for x, _ in points], middles, yerr=[[max(0.0, value) for value in side] for side in bars],
                label=label if figure_name == ACCURACY else None, alpha=alpha, color=f"C{number}", capsize=2,
                marker="o" if name == PRODUCT else "s", markersize=4, linewidth=2 if name == PRODUCT else 1.2,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(places, [f"{place:,}" for place in places])
    axes.minorticks_off()
    axes.set_xlabel("labelled products")
    axes.set_ylabel("accuracy (pale: macro-F1)")
    axes.set_title(task, fontsize=10)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _labels(row: Row) -> int:
    return row.any.labels if row.any else 0
