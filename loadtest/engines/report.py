"""What the engine benchmark found: a table, a JSON file and a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.engines.measure import Timing
from product_tagger_client.terminal import aligned


def table(timings: Sequence[Timing], reference: str) -> Iterator[str]:
    """A line for each shape and contender: medians, their spread over the rounds, and the ratio to one contender.

    Args:
        timings: All of them.
        reference: The contender whose throughput is 1.
    """
    speed = {(one.batch, one.length): one.texts_per_second for one in timings if one.contender == reference}
    rows = [("length", "batch", "engine", "ms", "rounds", "p99 ms", "texts/s", f"÷ {reference}")]
    for one in timings:
        medians = one.round_medians
        rows.append(
            (
                str(one.length),
                str(one.batch),
                one.contender,
                f"{one.median_ms:.3f}",
                f"{min(medians):.3f}–{max(medians):.3f}",
                f"{one.p99_ms:.3f}",
                f"{one.texts_per_second:,.0f}",
                f"{one.texts_per_second / speed[one.batch, one.length]:.2f}",
            )
        )
    yield from aligned(rows, right=frozenset({0, 1, 3, 4, 5, 6, 7}))


def as_json(timings: Sequence[Timing], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {
        **facts,
        "results": [
            {
                "engine": one.contender,
                "batch": one.batch,
                "length": one.length,
                "median_ms": round(one.median_ms, 4),
                "round_medians_ms": [round(median, 4) for median in one.round_medians],
                "p99_ms": round(one.p99_ms, 4),
                "texts_per_second": round(one.texts_per_second, 1),
                "runs": sum(map(len, one.rounds)),
            }
            for one in timings
        ],
    }


def plot(path: Path, timings: Sequence[Timing], title: str) -> None:
    """Latency and throughput over the batch, a column of panels for each length; bars are the rounds' extremes."""
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot, ticker

    lengths = sorted({one.length for one in timings})
    names = list(dict.fromkeys(one.contender for one in timings))
    figure, panels = pyplot.subplots(
        2,
        len(lengths),
        figsize=(3.2 * len(lengths) + 1, 6),
        layout="constrained",
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for column, length in enumerate(lengths):
        for name in names:
            own = sorted(
                (one for one in timings if (one.contender, one.length) == (name, length)), key=lambda one: one.batch
            )
            batches = [one.batch for one in own]
            medians = [one.median_ms for one in own]
            spread = [
                [one.median_ms - min(one.round_medians) for one in own],
                [max(one.round_medians) - one.median_ms for one in own],
            ]
            panels[0][column].errorbar(batches, medians, spread, marker="o", markersize=3, capsize=2, label=name)
            panels[1][column].plot(batches, [one.texts_per_second for one in own], marker="o", markersize=3, label=name)
        panels[0][column].set_title(f"{length} tokens", fontsize=10)
        panels[1][column].set_xlabel("texts in a batch")
        panels[1][column].set_xscale("log", base=2)
        panels[1][column].set_xticks(sorted({one.batch for one in timings}), sorted({one.batch for one in timings}))
    for row, label in ((0, "ms for a batch"), (1, "texts per second")):
        panels[row][0].set_ylabel(label)
        for axes in panels[row]:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,g}"))
            axes.yaxis.set_minor_formatter(ticker.NullFormatter())
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
    panels[0][0].legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
