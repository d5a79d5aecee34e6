"""The benchmark as a picture: throughput, response times, and what a text and a server cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest.bench.contestants import BATCHES, BUSY, Contestants
from loadtest.bench.figures import Results
from loadtest.bench.measure import Load, Series
from loadtest.plots import drawing, middle, note


def plot(path: Path, series: Sequence[Series], who: Contestants, title: str) -> None:
    """Four panels; bars are medians, lines in them the rounds' extremes."""
    results = Results(series)
    servers = [server.name for server in who.servers]
    loads = sorted({one.load for one in series if one.name == servers[-1]})
    colours = {name: f"C{number}" for number, name in enumerate([*servers, who.engine.name, who.float32.name])}
    with drawing(path, title, 2, 2, figsize=(14, 8.5), width_ratios=(1.2, 1)) as panels:
        ceiling = results.of(who.engine.name, who.all_cores).median("texts_per_second")
        panels[0][0].axhline(ceiling, color="black", linewidth=1, linestyle="--", label=f"in process: {ceiling:.0f}")
        for number, name in enumerate(servers):
            places = [group + (number - (len(servers) - 1) / 2) * 0.84 / len(servers) for group in range(len(loads))]
            own = [results.of(name, load) for load in loads]
            _columns(panels[0], places, 0.84 / len(servers), own, colours[name])
        panels[0][0].set_ylabel("texts per second")
        panels[0][0].margins(y=0.12)
        panels[0][1].set_yscale("log")
        panels[0][1].set_ylabel("ms for one text: p50, and p99 (pale)")
        names = [f"{load.clients} client{'s' if load.clients > 1 else ''}" for load in loads]
        for axes in panels[0]:
            axes.set_xticks(range(len(loads)), names)
        bars = [(name, name, BUSY) for name in servers]
        bars.insert(2, (f"{servers[0]}, 64 texts\na request", servers[0], BATCHES))
        in_process = [(one.name, one.name, who.all_cores) for one in (who.engine, who.float32)]
        _bars(panels[1][0], results, [*bars, *in_process], "cpu_ms", colours, "%.1f")
        panels[1][0].set_xlabel("CPU time of one text, ms (servers: 32 clients)")
        _bars(panels[1][1], results, [*bars[:1], *bars[3:]], "rss_mib", colours, "%.0f")
        panels[1][1].set_xlabel("resident memory of all processes at 32 clients, MiB")
        handles = panels[0][0].get_legend_handles_labels()
        panels[0][0].figure.legend(*handles, loc="outside lower center", ncols=len(servers) + 1, frameon=False)


def _columns(panels: Any, places: list[float], width: float, own: Sequence[Series], colour: str) -> None:
    """One server's throughput and times, a column for each load."""
    heights, spread = middle([one.values("texts_per_second") for one in own])
    bars = panels[0].bar(places, heights, width, yerr=spread, capsize=2, label=own[0].name, color=colour)
    panels[0].bar_label(bars, fmt="%.0f", padding=3, fontsize=6.5)
    slow = [one.median("p99_ms") for one in own]
    panels[1].bar(places, slow, width, alpha=0.35, color=colour)
    panels[1].bar(places, [one.median("p50_ms") for one in own], width, color=colour)
    for place, value in zip(places, slow, strict=True):
        note(panels[1], f"{value:.0f}", place, value)


def _bars(
    axes: Any, results: Results, bars: list[tuple[str, str, Load]], column: str, colours: dict[str, str], number: str
) -> None:
    """One bar below the other, each with its label, its contestant and the load."""
    heights, spread = middle([results.of(name, load).values(column) for _, name, load in bars])
    drawn = axes.barh(range(len(bars)), heights, xerr=spread, capsize=2, color=[colours[name] for _, name, _ in bars])
    axes.bar_label(drawn, fmt=number, padding=4, fontsize=8)
    axes.set_yticks(range(len(bars)), [label for label, _, _ in bars], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
