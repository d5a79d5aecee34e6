"""What the engine benchmark found: a table, the content of a JSON file, and a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loadtest.bench.measure import Series
from loadtest.plots import binary_scale, drawing, middle, plain_log_scale
from product_tagger_client.terminal import aligned


def table(series: Sequence[Series], reference: str) -> Iterator[str]:
    """A line for each shape and engine: medians, their spread over the rounds, and the ratio to one engine.

    Args:
        series: All of them; a load's clients are the texts of a batch, and its texts their tokens.
        reference: The engine whose throughput is 1.
    """
    speed = {one.load: one.median("texts_per_second") for one in series if one.name == reference}
    rows = [("length", "batch", "engine", "ms", "rounds", "p99 ms", "texts/s", f"÷ {reference}")]
    for one in series:
        times, own = one.values("p50_ms"), one.median("texts_per_second")
        rows.append(
            (
                str(one.load.texts), str(one.load.clients), one.name, f"{one.median('p50_ms'):.3f}",
                f"{min(times):.3f}–{max(times):.3f}", f"{one.median('p99_ms'):.3f}", f"{own:,.0f}",
                f"{own / speed[one.load]:.2f}",
            )
        )  # fmt: skip
    yield from aligned(rows, right=frozenset({0, 1, 3, 4, 5, 6, 7}))


def results(series: Sequence[Series]) -> list[dict[str, Any]]:
    """All that was measured, for a JSON file."""
    return [
        {
            "engine": one.name,
            "batch": one.load.clients,
            "length": one.load.texts,
            "median_ms": round(one.median("p50_ms"), 4),
            "round_medians_ms": [round(value, 4) for value in one.values("p50_ms")],
            "p99_ms": round(one.median("p99_ms"), 4),
            "texts_per_second": round(one.median("texts_per_second"), 1),
        }
        for one in series
    ]


def plot(path: Path, series: Sequence[Series], title: str) -> None:
    """Latency and throughput over the batch, a column of panels for each length; bars are the rounds' extremes."""
    lengths = sorted({one.load.texts for one in series})
    names = list(dict.fromkeys(one.name for one in series))
    size = (3.2 * len(lengths) + 1, 6)
    with drawing(path, title, 2, len(lengths), figsize=size, sharex=True, sharey="row") as panels:
        for (upper, lower), length in zip(panels.T, lengths, strict=True):
            for name in names:
                own = [one for one in series if (one.name, one.load.texts) == (name, length)]
                batches = [one.load.clients for one in own]
                medians, spread = middle([one.values("p50_ms") for one in own])
                upper.errorbar(batches, medians, spread, marker="o", markersize=3, capsize=2, label=name)
                speeds = [one.median("texts_per_second") for one in own]
                lower.plot(batches, speeds, marker="o", markersize=3, label=name)
            upper.set_title(f"{length} tokens", fontsize=10)
            lower.set_xlabel("texts in a batch")
            binary_scale(lower, [one.load.clients for one in series])
        for row, label in zip(panels, ("ms for a batch", "texts per second"), strict=True):
            row[0].set_ylabel(label)
            for axes in row:
                plain_log_scale(axes)
                axes.grid(alpha=0.3)
        panels[0][0].legend(frameon=False, fontsize=8)
