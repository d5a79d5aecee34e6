"""What the benchmark found: tables for the terminal, and a JSON file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loadtest.bench.figures import Figure
from loadtest.bench.measure import Series
from product_tagger_client.terminal import aligned

COLUMNS = ("texts_per_second", "p50_ms", "p99_ms", "cpu_ms", "generator_cpu_ms", "rss_mib", "pss_mib")


def table(series: Sequence[Series]) -> Iterator[str]:
    """A line for each contestant and load: medians over the rounds, and how far the rounds lie apart."""
    rows = [("clients", "server", "texts/s", "rounds", "p50 ms", "p99 ms", "CPU ms/text", "RSS MiB", "PSS", "errors")]
    for one in series:
        speeds = one.values("texts_per_second")
        spread = f"{min(speeds):.0f}–{max(speeds):.0f}"
        speed, p50, p99, cost, rss, pss = (
            f"{one.median(column):.{digits}f}"
            for column, digits in (
                ("texts_per_second", 0), ("p50_ms", 1), ("p99_ms", 1), ("cpu_ms", 2), ("rss_mib", 0), ("pss_mib", 0),
            )
        )  # fmt: skip
        rows.append((str(one.load), one.name, speed, spread, p50, p99, cost, rss, pss, str(one.errors)))
    yield from aligned(rows, right=frozenset({0, *range(2, len(rows[0]))}))


def figures_table(figures: Sequence[Figure]) -> Iterator[str]:
    """A line for each figure: what it is held against, what was measured, and whether that is enough."""
    rows = [("figure", "target", "measured", "rounds", "reached", "")]
    rows += [
        (
            one.what,
            f"{one.bound} {_number(one.target, one)}",
            _number(one.value, one),
            f"{_number(min(one.values), one, bare=True)}–{_number(max(one.values), one, bare=True)}",
            "yes" if one.reached else "NO",
            one.note,
        )
        for one in figures
    ]
    yield from aligned(rows, right=frozenset({1, 2, 3}))


def _number(value: float, figure: Figure, *, bare: bool = False) -> str:
    """A value as its figure is told: megabytes whole, all else in hundredths."""
    number = (f"{value:.0f}" if figure.unit == "MB" else f"{value:.2f}").replace("-", "−")
    return number if bare or not figure.unit else f"{number} {figure.unit}"


def unanswered(series: Sequence[Series]) -> Iterator[str]:
    """A line for each contestant and load with errors."""
    for one in series:
        if one.errors:
            first = next(turn.first_error for turn in one.rounds if turn.errors)
            yield f"{one.name}, {one.load} clients: {one.errors} requests unanswered; the first got: {first}"


def as_json(series: Sequence[Series], figures: Sequence[Figure], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, and where."""
    return {
        **facts,
        "figures": [
            {
                "figure": one.what,
                "target": f"{one.bound} {one.target:g} {one.unit}".rstrip(),
                "median": round(one.value, 4),
                "rounds": [round(value, 4) for value in one.values],
                "reached": one.reached,
                "note": one.note,
            }
            for one in figures
        ],
        "results": [
            {
                "server": one.name,
                "clients": one.load.clients,
                "texts_a_request": one.load.texts,
                "errors": one.errors,
                **{
                    name: {
                        "median": round(one.median(name), 3),
                        "min": round(min(one.values(name)), 3),
                        "max": round(max(one.values(name)), 3),
                        "rounds": [round(value, 3) for value in one.values(name)],
                    }
                    for name in COLUMNS
                },
            }
            for one in series
        ],
    }
