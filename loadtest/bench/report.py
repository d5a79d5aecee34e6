"""What the benchmark found: a table, a JSON file and a plot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from client.terminal import aligned
from loadtest.bench.measure import Series

_COLUMNS = ("texts_per_second", "p50_ms", "p99_ms", "cpu_ms", "generator_cpu_ms")


def table(series: Sequence[Series]) -> Iterator[str]:
    """Medians over the rounds, and how far the rounds lie apart."""
    rows = [("clients", "server", "texts/s", "rounds", "p50 ms", "p99 ms", "CPU ms/text", "errors")]
    for one in series:
        speeds = one.values("texts_per_second")
        rows.append(
            (
                str(one.clients),
                one.system,
                f"{one.median('texts_per_second'):.0f}",
                f"{min(speeds):.0f}–{max(speeds):.0f}",
                f"{one.median('p50_ms'):.1f}",
                f"{one.median('p99_ms'):.1f}",
                f"{one.median('cpu_ms'):.2f}",
                str(one.errors),
            )
        )
    yield from aligned(rows, right=frozenset({0, 2, 3, 4, 5, 6, 7}))


def ratios(series: Sequence[Series], peer: str) -> dict[str, dict[str, float]]:
    """How many times the peer's throughput each other system has, by number of clients."""
    speed = {(one.system, one.clients): one.median("texts_per_second") for one in series}
    found: dict[str, dict[str, float]] = {}
    for (system, clients), value in speed.items():
        if system != peer:
            found.setdefault(system, {})[str(clients)] = round(value / speed[peer, clients], 2)
    return found


def as_json(series: Sequence[Series], peer: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {
        **facts,
        "times_the_peers_throughput": ratios(series, peer),
        "results": [
            {
                "server": one.system,
                "clients": one.clients,
                "errors": one.errors,
                **{
                    name: {
                        "median": round(one.median(name), 3),
                        "min": round(min(one.values(name)), 3),
                        "max": round(max(one.values(name)), 3),
                    }
                    for name in _COLUMNS
                },
            }
            for one in series
        ],
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes the JSON file in one step."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def plot(path: Path, series: Sequence[Series], title: str) -> None:
    """Throughput and time by number of clients; bars are medians, lines in them the rounds' extremes."""
    import matplotlib as mpl  # here, because it takes a second

    mpl.use("Agg")
    from matplotlib import pyplot

    systems = list(dict.fromkeys(one.system for one in series))
    clients = list(dict.fromkeys(one.clients for one in series))
    by_place = {(one.system, one.clients): one for one in series}
    width = 0.8 / len(systems)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for number, system in enumerate(systems):
        places = [place + (number - (len(systems) - 1) / 2) * width for place in range(len(clients))]
        own = [by_place[system, count] for count in clients]
        middle = [one.median("texts_per_second") for one in own]
        spread = [
            [value - min(one.values("texts_per_second")) for value, one in zip(middle, own, strict=True)],
            [max(one.values("texts_per_second")) - value for value, one in zip(middle, own, strict=True)],
        ]
        bars = left.bar(places, middle, width, yerr=spread, capsize=2, label=system)
        left.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
        slow = [one.median("p99_ms") for one in own]
        right.bar(places, slow, width, alpha=0.4, color=f"C{number}")
        bars = right.bar(places, [one.median("p50_ms") for one in own], width, color=f"C{number}")
        for place, value in zip(places, slow, strict=True):
            right.annotate(
                f"{value:.0f}", (place, value), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=8
            )
    left.set_ylabel("texts per second")
    right.set_ylabel("ms for one text: p50, and p99 (pale, with its number)")
    right.set_yscale("log")
    for axes in (left, right):
        axes.set_xticks(range(len(clients)), [f"{count} client{'s' if count > 1 else ''}" for count in clients])
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
