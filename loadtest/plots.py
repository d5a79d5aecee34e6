"""What all pictures have in common."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from steps import staged_file


@contextlib.contextmanager
def drawing(path: Path, title: str, rows: int = 1, columns: int = 1, **subplots: Any) -> Iterator[Any]:
    """Panels to draw in, as an array [rows, columns]; the PNG file is there when the block ends without an error.

    Args:
        path: The file.
        title: What stands above all panels.
        rows: Rows of panels.
        columns: Panels in a row.
        subplots: More for `pyplot.subplots`.

    Raises:
        DiskError: The disk is full, or the path can't be written.
    """
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(rows, columns, layout="constrained", squeeze=False, **subplots)
    try:
        yield panels
        for axes in panels.flat:
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(title, fontsize=9)
        with staged_file(path) as staging:
            figure.savefig(staging, format="png", dpi=150)
    finally:
        pyplot.close(figure)


def plain_log_scale(axes: Any) -> None:
    """A logarithmic y axis with numbers as people write them."""
    from matplotlib import ticker

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def binary_scale(axes: Any, values: Sequence[int]) -> None:
    """An x axis on which twice as much is always as far away, marked at the values."""
    places = sorted(set(values))
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [str(place) for place in places])


def note(axes: Any, text: str, x: float, y: float, *, above: float = 2) -> None:
    """Writes a few words above a point."""
    axes.annotate(text, (x, y), xytext=(0, above), textcoords="offset points", ha="center", fontsize=7)


def middle(columns: Sequence[Sequence[float]]) -> tuple[list[float], list[list[float]]]:
    """Medians, and how far below and above them the values reach: what error bars want."""
    medians = [statistics.median(values) for values in columns]
    below = [value - min(values) for value, values in zip(medians, columns, strict=True)]
    above = [max(values) - value for value, values in zip(medians, columns, strict=True)]
    return medians, [below, above]
