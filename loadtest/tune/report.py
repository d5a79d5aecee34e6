"""What a tuning found: lines while it runs, the frontier as a table, CSV and JSON files."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.tune.candidates import Candidate
from loadtest.tune.trials import Figures, Limits, Result, Stage, Trial, results
from loadtest.tune.verdict import frontier
from product_tagger_client.terminal import aligned

_STAGES: dict[Stage, str] = {"first": "", "round": "again, ", "again": "at the end, "}


def progress_line(trial: Trial, left: float, default: Candidate) -> str:
    """A line on a measurement, with the time that is left."""
    head = f"[{int(left) // 60}:{int(left) % 60:02} left] {_STAGES[trial.stage]}"
    name = trial.candidate.told(default)
    if trial.figures is None:
        return f"{head}{name}: not measured: {trial.problem}"
    one = trial.figures
    told = (
        f"{head}{name}: {one.texts_per_second:.0f} texts/s, p99 {one.p99_ms:.1f} ms; "
        f"a single client {one.single_p50_ms:.1f} ms"
    )
    return f"{told}; {trial.problem}" if trial.problem else told


def table(found: Sequence[Result], default: Candidate, winner: Candidate | None, limits: Limits) -> Iterator[str]:
    """The frontier, numbered as in the picture, and the default where it isn't on it; then what can't be served."""
    rows: list[tuple[str, ...]] = [
        (
            "", "instances", "threads", "joined", "delay µs", "tokens", "texts/s", "p50 ms", "p99 ms", "alone ms",
            "CPU ms/text", "",
        )
    ]  # fmt: skip
    best = frontier(found)
    shown = best + [one for one in found if one.candidate == default and one not in best and one.figures]
    for number, one in enumerate(shown, 1):
        assert one.figures is not None
        figures = one.figures
        rows.append(
            (
                str(number) if number <= len(best) else "",
                *(str(value) for value in one.candidate.values().values()),
                f"{figures.texts_per_second:.0f}",
                f"{figures.p50_ms:.1f}",
                f"{figures.p99_ms:.1f}",
                f"{figures.single_p50_ms:.1f}",
                f"{figures.cpu_ms:.2f}",
                ", ".join(remarks(one, default, winner, limits)),
            )
        )
    yield from aligned(rows, right=frozenset(range(11)))
    for one in found:
        if one.problem:
            yield f"Out of the question: {one.candidate.told(default)}. {one.problem}"


def remarks(result: Result, default: Candidate, winner: Candidate | None, limits: Limits) -> list[str]:
    """What there is to know of a row: whether it is the default, the winner, in the rounds, beyond a limit."""
    found = []
    if result.candidate == default:
        found.append("default")
    if result.candidate == winner:
        found.append("chosen")
    if result.rounds:
        found.append(f"median of {len(result.speeds)}")
    return found + (limits.broken(result.figures) if result.figures is not None else [])


def write_csv(path: Path, trials: Sequence[Trial]) -> None:
    """A row for each measurement, in the order in which they were made; empty where there are no figures."""
    names = [field.name for field in dataclasses.fields(Figures)]
    keys = list(trials[0].candidate.values())
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*keys, "stage", *names, "problem"])
        for trial in trials:
            cells = [round(getattr(trial.figures, name), 3) if trial.figures else "" for name in names]
            writer.writerow([*trial.candidate.values().values(), trial.stage, *cells, trial.problem])


def as_json(
    trials: Sequence[Trial], default: Candidate, winner: Candidate | None, limits: Limits, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that was measured, and where.

    Args:
        trials: All measurements.
        default: The settings without tuning.
        winner: What is to be served; None where that wasn't decided.
        limits: What had to be held.
        facts: Machine, versions, settings, and how it ended.
    """
    found = results(trials)
    best = {one.candidate for one in frontier(found)}
    return {
        **facts,
        "limits": dataclasses.asdict(limits),
        "default": default.values(),
        "chosen": winner.values() if winner else None,
        "candidates": [
            {
                **one.candidate.values(),
                "figures": dataclasses.asdict(one.figures) if one.figures else None,
                "texts_per_second": list(one.speeds),
                "in_the_rounds": one.rounds,
                "on_the_frontier": one.candidate in best,
                "problem": one.problem,
            }
            for one in found
        ],
        "measurements": [dataclasses.asdict(one) for one in trials],
    }
