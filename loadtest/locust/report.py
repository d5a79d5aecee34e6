"""What a run found: a table, CSV and JSON files, and latency percentiles against throughput as a picture."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.locust.figures import Figures, Level, level_json
from loadtest.locust.limits import best_level, broken_at
from loadtest.options import LoadOptions
from product_tagger_client.terminal import aligned


def progress_line(level: Level) -> Iterator[str]:
    """A line for each kind of request, when a level is over."""
    for one in level.kinds:
        errors = f", {one.errors} of {one.requests} failed" if one.errors else ""
        yield (
            f"{level.name}, {one.kind}: {one.texts_per_second:.0f} texts/s, p50 {_ms(one.p50_ms)} ms, "
            f"p99 {_ms(one.p99_ms)} ms{errors}"
        )


def table(levels: Sequence[Level], limits: LoadOptions) -> Iterator[str]:
    """The levels by load; those that break a limit are marked."""
    rows: list[tuple[str, ...]] = [
        ("load", "requests", "texts/s", "p50 ms", "p90 ms", "p99 ms", "max ms", "errors", "late ms", "")
    ]
    for level in sorted(levels, key=lambda level: level.load):
        mark = "beyond the limits" if broken_at(level, limits) else ""
        for one in level.figures:
            times = (one.p50_ms, one.p90_ms, one.p99_ms, one.max_ms)
            cells = (*map(_ms, times), str(one.errors), _ms(one.sent_late_p99_ms))
            rows.append((level.name, one.kind, f"{one.texts_per_second:.0f}", *cells, mark))
    yield from aligned(rows, right=frozenset(range(2, 9)))


def verdict(levels: Sequence[Level], limits: LoadOptions) -> str:
    """What a ramp was for, or the best of the levels."""
    best = best_level(levels, limits)
    if best is None:
        return "No level was within the limits."
    speed = f"{best.figures[0].texts_per_second:.0f} texts/s, p99 {_ms(max(one.p99_ms for one in best.kinds))} ms"
    if limits.mode != "ramp":
        return f"Best level within the limits: {best.name}, {speed}."
    if not any(broken_at(level, limits) for level in levels):
        return f"No limit was reached: {best.name}, {speed}. Raise --ramp-start or --ramp-levels."
    return f"Highest rate with p99 under {limits.max_p99_ms:g} ms: {best.name}, {speed}."


def write_csv(path: Path, levels: Sequence[Level]) -> None:
    """A row for each level and kind of request; empty where nothing was answered."""
    names = [field.name for field in dataclasses.fields(Figures)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["level", "load", "load_is", "seconds", *names])
        for level in levels:
            for one in level.figures:
                values = [getattr(one, name) for name in names]
                cells = [_cell(value) for value in values]
                kind = "requests per second" if level.open else "users"
                writer.writerow([level.number, level.load, kind, level.seconds, *cells])


def as_json(levels: Sequence[Level], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {**facts, "levels": [level_json(level) for level in levels]}


def plot(path: Path, levels: Sequence[Level], limits: LoadOptions, title: str) -> None:
    """Percentiles against texts a second, a panel for each kind of request; crosses are beyond the limits."""
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ordered = sorted(levels, key=lambda level: level.load)
    kinds = list(dict.fromkeys(one.kind for level in ordered for one in level.kinds))
    figure, panels = pyplot.subplots(
        1, len(kinds), figsize=(max(7.5, 5.2 * len(kinds)), 4.6), layout="constrained", sharey=True, squeeze=False
    )
    for axes, kind in zip(panels[0], kinds, strict=True):
        points = [(level, one) for level in ordered for one in level.kinds if one.kind == kind]
        points = [(level, one) for level, one in points if math.isfinite(one.p99_ms)]
        for color, name in (("C0", "p50"), ("C1", "p90"), ("C3", "p99")):
            x = [one.texts_per_second for _, one in points]
            y = [getattr(one, f"{name}_ms") for _, one in points]
            axes.plot(x, y, color=color, label=name, linewidth=1.2)
            for (level, _), place, value in zip(points, x, y, strict=True):
                axes.plot(place, value, "x" if broken_at(level, limits) else "o", color=color, markersize=5)
        marked = 0.0
        for level, one in points:
            # Levels of a search lie close together: only the first of those that would be written over each other.
            if not marked or abs(one.texts_per_second / marked - 1) > 0.1:
                axes.annotate(
                    level.name, (one.texts_per_second, one.p99_ms), xytext=(0, 7), textcoords="offset points",
                    ha="center", fontsize=7,
                )  # fmt: skip
                marked = one.texts_per_second
        axes.axhline(limits.max_p99_ms, color="0.5", linestyle="--", linewidth=1, label="limit for p99")
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.12, y=0.12)
        axes.set_xlim(left=0)
        axes.set_xlabel("texts per second answered")
        axes.set_title(kind, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0][0].set_ylabel("ms for one request (crosses: beyond the limits)", fontsize=9)
    panels[0][0].legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3) if math.isfinite(value) else ""
    return value


def _ms(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "-"
