"""What a sweep found: a table, CSV and JSON files, and the parts of a request's time as a picture."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.perf.sweep import Point
from product_tagger_client.terminal import aligned

NAMES = {"grpc": "gRPC", "http": "HTTP"}


def progress_line(point: Point) -> str:
    """A line for a point, when it has been measured."""
    return (
        f"{NAMES[point.protocol]}, {point.concurrency} at once: {point.texts_per_second:.0f} texts/s, "
        f"p50 {point.p50_ms:.1f} ms, p99 {point.p99_ms:.1f} ms"
    )


def parts(point: Point) -> dict[str, float]:
    """The mean time of a request by where it went, in milliseconds.

    Together they may be a little more than `mean_ms`: a request goes on to the next model when its output is handed
    over, and what the former one does after that is still counted as its own.
    """
    found = {"client, network, protocol": point.outside_ms}
    for one in point.shares[1:]:
        found[f"{one.model}: queue"] = one.queue_ms
        found[f"{one.model}: compute"] = one.compute_ms
    return {**found, "between the models": point.between_ms}


def table(points: Sequence[Point]) -> Iterator[str]:
    """A row for each point: throughput, percentiles, and the mean's parts."""
    models = [one.model for one in points[0].shares[1:]]
    head = ["protocol", "at once", "texts/s", "windows", "p50 ms", "p99 ms", "mean ms", "outside"]
    rows = [[*head, *(f"{model} {part}" for model in models for part in ("queue", "compute")), "texts a batch"]]
    for point in points:
        batch = max((one.rows_per_execution for one in point.shares if one.model == "classifier"), default=0.0)
        inside = [value for one in point.shares[1:] for value in (one.queue_ms, one.compute_ms)]
        rows.append(
            [
                NAMES[point.protocol],
                str(point.concurrency),
                f"{point.texts_per_second:.0f}",
                f"{point.slowest_window:.0f}–{point.quickest_window:.0f}",
                *(f"{value:.1f}" for value in (point.p50_ms, point.p99_ms, point.mean_ms, point.outside_ms, *inside)),
                f"{batch:.1f}",
            ]
        )
    yield from aligned(rows, right=frozenset(range(1, len(rows[0]))))


def write_csv(path: Path, points: Sequence[Point]) -> None:
    """A row for each point, with the parts of its mean time."""
    names = [field.name for field in dataclasses.fields(Point) if field.name != "shares"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*names, *(f"{part} ms" for part in parts(points[0]))])
        for point in points:
            values = [getattr(point, name) for name in names]
            writer.writerow([*values, *(round(value, 4) for value in parts(point).values())])


def as_json(points: Sequence[Point], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    rows = [{**dataclasses.asdict(point), "parts_ms": parts(point)} for point in points]
    return {**facts, "points": rows}


def plot(path: Path, points: Sequence[Point], title: str) -> None:
    """The mean time's parts stacked by concurrency, a panel for each protocol, and the throughput."""
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot

    protocols = list(dict.fromkeys(point.protocol for point in points))
    figure, panels = pyplot.subplots(
        1, len(protocols) + 1, figsize=(4.6 * (len(protocols) + 1), 4.8), layout="constrained", squeeze=False
    )
    colors = ["0.75", "C0", "C0", "C1", "C1", "C2", "C2", "C4", "C4"]
    highest = max(point.mean_ms for point in points)
    for axes, protocol in zip(panels[0], protocols, strict=False):
        own = [point for point in points if point.protocol == protocol]
        below = [0.0] * len(own)
        for number, name in enumerate(parts(own[0])):
            values = [parts(point)[name] for point in own]
            last = name == "between the models"
            axes.bar(
                range(len(own)), values, 0.75, bottom=below, label=name, edgecolor="white", linewidth=0.4,
                color="0.35" if last else colors[number % len(colors)], alpha=0.45 if name.endswith("queue") else 1.0,
            )  # fmt: skip
            below = [former + value for former, value in zip(below, values, strict=True)]
        for place, (total, point) in enumerate(zip(below, own, strict=True)):
            axes.annotate(
                f"{point.mean_ms:.1f}",
                (place, total),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        axes.set_xticks(range(len(own)), [str(point.concurrency) for point in own])
        axes.set_ylim(0, highest * 1.12)
        axes.set_xlabel("requests at once")
        axes.set_title(NAMES[protocol], fontsize=10)
    panels[0][0].set_ylabel("ms for one text by where it went (number: client's mean)")
    handles, labels = panels[0][0].get_legend_handles_labels()
    panels[0][0].legend(handles[::-1], labels[::-1], frameon=False, fontsize=8, loc="upper left")
    speeds = panels[0][-1]
    for protocol in protocols:
        own = [point for point in points if point.protocol == protocol]
        x = [point.concurrency for point in own]
        y = [point.texts_per_second for point in own]
        spread = [
            [max(0.0, point.texts_per_second - point.slowest_window) for point in own],
            [max(0.0, point.quickest_window - point.texts_per_second) for point in own],
        ]
        speeds.errorbar(x, y, yerr=spread, marker="o", capsize=2, linewidth=1.2, label=NAMES[protocol])
    speeds.set_ylim(bottom=0)
    speeds.set_xscale("log", base=2)
    places = sorted({point.concurrency for point in points})
    speeds.set_xticks(places, [str(place) for place in places])
    speeds.set_xlabel("requests at once")
    speeds.set_ylabel("texts per second (bars: slowest and quickest window)")
    speeds.legend(frameon=False, fontsize=8, loc="lower right")
    for axes in panels[0]:
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
