"""What the engine benchmark found: a table, a JSON file and a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.engines.measure import Timing
from loadtest.plots import binary_scale, drawing, middle, plain_log_scale
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
    lengths = sorted({one.length for one in timings})
    names = list(dict.fromkeys(one.contender for one in timings))
    size = (3.2 * len(lengths) + 1, 6)
    with drawing(path, title, 2, len(lengths), figsize=size, sharex=True, sharey="row") as panels:
        for (upper, lower), length in zip(panels.T, lengths, strict=True):
            for name in names:
                own = [one for one in timings if (one.contender, one.length) == (name, length)]
                own.sort(key=lambda one: one.batch)
                batches = [one.batch for one in own]
                medians, spread = middle([one.round_medians for one in own])
                upper.errorbar(batches, medians, spread, marker="o", markersize=3, capsize=2, label=name)
                lower.plot(batches, [one.texts_per_second for one in own], marker="o", markersize=3, label=name)
            upper.set_title(f"{length} tokens", fontsize=10)
            lower.set_xlabel("texts in a batch")
            binary_scale(lower, [one.batch for one in timings])
        for row, label in zip(panels, ("ms for a batch", "texts per second"), strict=True):
            row[0].set_ylabel(label)
            for axes in row:
                plain_log_scale(axes)
                axes.grid(alpha=0.3)
        panels[0][0].legend(frameon=False, fontsize=8)
