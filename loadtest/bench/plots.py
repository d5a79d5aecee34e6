"""The benchmark as a picture: throughput, response times, and what a text and a server cost."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.bench.contestants import BATCHES, BUSY, Contestants
from loadtest.bench.figures import Results
from loadtest.bench.measure import Load, Series


def plot(path: Path, series: Sequence[Series], who: Contestants, title: str) -> None:
    """Four panels; bars are medians, lines in them the rounds' extremes.

    Args:
        path: The PNG file; it appears whole or not at all.
        series: All that was measured.
        who: What it is called.
        title: Conditions, above all panels.
    """
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot

    results = Results(series)
    servers = [server.name for server in who.servers]
    loads = sorted({one.load for one in series if one.name == servers[-1]})
    colours = {name: f"C{number}" for number, name in enumerate([*servers, who.engine.name, who.float32.name])}
    figure, panels = pyplot.subplots(2, 2, figsize=(14, 8.5), width_ratios=(1.2, 1), layout="constrained")
    _throughput(panels[0][0], results, servers, loads, colours, who)
    _times(panels[0][1], results, servers, loads, colours)
    bars = [(name, name, BUSY) for name in servers]
    bars.insert(2, (f"{servers[0]}, 64 texts\na request", servers[0], BATCHES))
    in_process = [(one.name, one.name, who.all_cores) for one in (who.engine, who.float32)]
    _bars(panels[1][0], results, [*bars, *in_process], "cpu_ms", colours, "%.1f")
    panels[1][0].set_xlabel("CPU time of one text, ms (servers: 32 clients)")
    _bars(panels[1][1], results, [*bars[:1], *bars[3:]], "rss_mib", colours, "%.0f")
    panels[1][1].set_xlabel("resident memory of all processes at 32 clients, MiB")
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        *panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(servers) + 1, frameon=False
    )
    figure.suptitle(title, fontsize=10)
    temporary = path.with_name(f".{path.stem}.new.png")
    figure.savefig(temporary, dpi=150)
    pyplot.close(figure)
    temporary.replace(path)


def _throughput(
    axes: Any, results: Results, servers: list[str], loads: list[Load], colours: dict[str, str], who: Contestants
) -> None:
    width = 0.84 / len(servers)
    for number, name in enumerate(servers):
        own = [results.of(name, load) for load in loads]
        places = _places(number, len(servers), len(loads), width)
        heights, spread = _middle([one.values("texts_per_second") for one in own])
        bars = axes.bar(places, heights, width, yerr=spread, capsize=2, label=name, color=colours[name])
        axes.bar_label(bars, fmt="%.0f", padding=3, fontsize=6.5)
    ceiling = results.of(who.engine.name, who.all_cores).median("texts_per_second")
    axes.axhline(ceiling, color="black", linewidth=1, linestyle="--", label=f"in process: {ceiling:.0f}")
    axes.set_ylabel("texts per second")
    axes.margins(y=0.12)
    _label_clients(axes, loads)


def _times(axes: Any, results: Results, servers: list[str], loads: list[Load], colours: dict[str, str]) -> None:
    width = 0.84 / len(servers)
    for number, name in enumerate(servers):
        own = [results.of(name, load) for load in loads]
        places = _places(number, len(servers), len(loads), width)
        slow = [one.median("p99_ms") for one in own]
        axes.bar(places, slow, width, alpha=0.35, color=colours[name])
        axes.bar(places, [one.median("p50_ms") for one in own], width, color=colours[name])
        for place, value in zip(places, slow, strict=True):
            axes.annotate(
                f"{value:.0f}", (place, value), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=7
            )
    axes.set_yscale("log")
    axes.set_ylabel("ms for one text: p50, and p99 (pale)")
    _label_clients(axes, loads)


def _bars(
    axes: Any, results: Results, bars: list[tuple[str, str, Load]], column: str, colours: dict[str, str], number: str
) -> None:
    """One bar below the other, each with its label, its contestant and the load."""
    heights, spread = _middle([results.of(name, load).values(column) for _, name, load in bars])
    drawn = axes.barh(range(len(bars)), heights, xerr=spread, capsize=2, color=[colours[name] for _, name, _ in bars])
    axes.bar_label(drawn, fmt=number, padding=4, fontsize=8)
    axes.set_yticks(range(len(bars)), [label for label, _, _ in bars], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.1)


def _middle(columns: list[list[float]]) -> tuple[list[float], list[list[float]]]:
    """Medians, and how far below and above them the rounds reach."""
    middle = [statistics.median(values) for values in columns]
    below = [value - min(values) for value, values in zip(middle, columns, strict=True)]
    above = [max(values) - value for value, values in zip(middle, columns, strict=True)]
    return middle, [below, above]


def _places(number: int, count: int, groups: int, width: float) -> list[float]:
    return [group + (number - (count - 1) / 2) * width for group in range(groups)]


def _label_clients(axes: Any, loads: list[Load]) -> None:
    names = [f"{load.clients} client{'s' if load.clients > 1 else ''}" for load in loads]
    axes.set_xticks(range(len(loads)), names)
