"""What a sweep found: a table, a CSV file, and the parts of a request's time as a picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loadtest.perf.points import Point
from loadtest.plots import binary_scale, drawing, note
from loadtest.reports import write_csv
from loadtest.requests import NAMES
from product_tagger_client.terminal import aligned

COLORS = ("0.75", "C0", "C0", "C1", "C1", "C2", "C2", "C4", "C4")


def progress(point: Point) -> str:
    """A line for a point, when it has been measured."""
    return (
        f"{NAMES[point.protocol]}, {point.concurrency} at once: {point.texts_per_second:.0f} texts/s, "
        f"p50 {point.p50_ms:.1f} ms, p99 {point.p99_ms:.1f} ms"
    )


def table(points: Sequence[Point]) -> Iterator[str]:
    """A row for each point: throughput, percentiles, and the mean's parts."""
    models = [one.model for one in points[0].shares[1:]]
    head = ["protocol", "at once", "texts/s", "windows", "p50 ms", "p99 ms", "mean ms", "outside"]
    rows = [[*head, *(f"{model} {part}" for model in models for part in ("queue", "compute")), "texts a batch"]]
    for point in points:
        batch = max((one.rows_per_execution for one in point.shares if one.model == "classifier"), default=0.0)
        inside = [value for one in point.shares[1:] for value in (one.queue_ms, one.compute_ms)]
        numbers = (point.p50_ms, point.p99_ms, point.mean_ms, point.outside_ms, *inside, batch)
        windows = f"{point.slowest_window:.0f}–{point.quickest_window:.0f}"
        speed = f"{point.texts_per_second:.0f}"
        rows.append(
            [NAMES[point.protocol], str(point.concurrency), speed, windows, *(f"{value:.1f}" for value in numbers)]
        )
    yield from aligned(rows, right=frozenset(range(1, len(rows[0]))))


def write_points(path: Path, points: Sequence[Point]) -> None:
    """A row for each point, with the parts of its mean time."""
    names = [field.name for field in dataclasses.fields(Point) if field.name != "shares"]
    head = [*names, *(f"{part} ms" for part in points[0].parts())]
    write_csv(path, head, [(*(getattr(one, name) for name in names), *one.parts().values()) for one in points])


def plot(path: Path, points: Sequence[Point], title: str) -> None:
    """The mean time's parts stacked by concurrency, a panel for each protocol, and the throughput."""
    protocols = list(dict.fromkeys(point.protocol for point in points))
    columns = len(protocols) + 1
    highest = max(point.mean_ms for point in points)
    with drawing(path, title, columns=columns, figsize=(4.6 * columns, 4.8)) as panels:
        *parts, speeds = panels[0]
        for axes, protocol in zip(parts, protocols, strict=True):
            own = [point for point in points if point.protocol == protocol]
            _stack(axes, own)
            axes.set_ylim(0, highest * 1.12)
            axes.set_title(NAMES[protocol], fontsize=10)
            x, y = [point.concurrency for point in own], [point.texts_per_second for point in own]
            below = [max(0.0, point.texts_per_second - point.slowest_window) for point in own]
            above = [max(0.0, point.quickest_window - point.texts_per_second) for point in own]
            speeds.errorbar(x, y, [below, above], marker="o", capsize=2, linewidth=1.2, label=NAMES[protocol])
        parts[0].set_ylabel("ms for one text by where it went (number: client's mean)")
        handles, labels = parts[0].get_legend_handles_labels()
        parts[0].legend(handles[::-1], labels[::-1], frameon=False, fontsize=8, loc="upper left")
        speeds.set_ylim(bottom=0)
        binary_scale(speeds, [point.concurrency for point in points])
        speeds.set_ylabel("texts per second (bars: slowest and quickest window)")
        speeds.legend(frameon=False, fontsize=8, loc="lower right")
        for axes in panels[0]:
            axes.set_xlabel("requests at once")


def _stack(axes: Any, points: Sequence[Point]) -> None:
    """A bar for each point, its parts one above the other."""
    below = [0.0] * len(points)
    for number, name in enumerate(points[0].parts()):
        values = [point.parts()[name] for point in points]
        color = "0.35" if name == "between the models" else COLORS[number % len(COLORS)]
        axes.bar(
            range(len(points)), values, 0.75, bottom=below, label=name, edgecolor="white", linewidth=0.4, color=color,
            alpha=0.45 if name.endswith("queue") else 1.0,
        )  # fmt: skip
        below = [former + value for former, value in zip(below, values, strict=True)]
    for place, (total, point) in enumerate(zip(below, points, strict=True)):
        note(axes, f"{point.mean_ms:.1f}", place, total)
    axes.set_xticks(range(len(points)), [str(point.concurrency) for point in points])
