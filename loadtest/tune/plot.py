"""The picture of a tuning: throughput against the two latencies, with the frontier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from loadtest.tune.candidates import Candidate
from loadtest.tune.trials import Figures, Limits, Result
from loadtest.tune.verdict import frontier

WIDE = 8.0
"""Latencies that differ by more than this factor are drawn on a logarithmic scale."""


def plot(
    path: Path, found: Sequence[Result], default: Candidate, winner: Candidate | None, limits: Limits, title: str
) -> None:
    """Draws p99 at all clients, and a single client's median, against throughput.

    Args:
        path: The PNG file.
        found: The candidates' results.
        default: The settings without tuning.
        winner: What was chosen; None where that wasn't decided.
        limits: Dashed lines.
        title: The machine and its conditions.
    """
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    measured = [one for one in found if one.figures is not None]
    numbers = {one.candidate: number for number, one in enumerate(frontier(found), 1)}
    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4.6), layout="constrained", sharex=True)
    for axes, name, limit, label in (
        (panels[0], "p99_ms", limits.p99_ms, "p99 at all clients, ms"),
        (panels[1], "single_p50_ms", limits.single_p50_ms, "a single client's median, ms"),
    ):
        points = [(one, one.figures.texts_per_second, _value(one.figures, name)) for one in measured if one.figures]
        for one, x, y in points:
            color = "C0" if one.candidate in numbers else "0.7"
            axes.plot(x, y, "o", color=color, markersize=5)
            if one.rounds:
                axes.plot([min(one.speeds), max(one.speeds)], [y, y], color=color, linewidth=1)
            if one.candidate == default:
                axes.plot(x, y, "*", color="C3", markersize=13, label="default")
            if one.candidate == winner:
                ring = {"markerfacecolor": "none", "markeredgecolor": "C2", "markeredgewidth": 2}
                axes.plot(x, y, "o", linestyle="none", markersize=14, label="chosen", **ring)
            if one.candidate in numbers:
                axes.annotate(
                    str(numbers[one.candidate]), (x, y), xytext=(0, 8), textcoords="offset points", ha="center",
                    fontsize=8,
                )  # fmt: skip
        highest = max(y for _, _, y in points)
        if limit < 3 * highest:
            axes.axhline(limit, color="0.5", linestyle="--", linewidth=1, label="limit")
            highest = max(highest, limit)
        lowest = min(y for _, _, y in points)
        if highest > WIDE * lowest:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_ylim(lowest / 1.5, 2.5 * highest)
        else:
            axes.set_ylim(0, 1.25 * highest)
        axes.margins(x=0.12)
        axes.set_xlabel("texts per second at all clients (lines: slowest to quickest round)", fontsize=9)
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=3)
    panels[0].set_title("blue, with the table's numbers: the frontier", fontsize=9, loc="left")
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _value(figures: Figures, name: str) -> float:
    return float(getattr(figures, name))
