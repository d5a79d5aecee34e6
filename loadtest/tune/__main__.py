"""`make tune`: measures the server with many settings, and writes those that suit this machine for `make serve`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catalog.prepared import PreparedCatalogError
from catalog.readers import CatalogError
from loadtest.interruptions import remembered
from loadtest.reports import ReportError, conditions, report_folder, write_json
from loadtest.texts import TextsError, describe, draw_texts
from loadtest.tune.candidates import Candidate, Space, make_space
from loadtest.tune.measure import Measurement
from loadtest.tune.plot import plot
from loadtest.tune.report import as_json, progress_line, table, write_csv
from loadtest.tune.search import Search, SearchError
from loadtest.tune.trials import Limits, results
from loadtest.tune.verdict import Verdict, decide, drift
from serving.errors import ServingError
from serving.releases import Release, current_release
from serving.repository import usable_cores
from serving.tuned import FILE, Tuned, read_tuned, write_tuned
from serving.tuned import describe as values_told
from settings import Settings, SettingsError, add_settings_options, load_settings
from settings.command import run_command

ERRORS = (
    CatalogError, PreparedCatalogError, ReportError, SearchError, ServingError, SettingsError, TextsError,
)  # fmt: skip
DRIFT = 0.1
"""A default that is so much quicker or slower at the end than at the beginning is worth a sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, reports and writes; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.tune", description=__doc__)
    add_settings_options(parser)
    options = parser.parse_args(arguments)
    return run_command(lambda: _run(load_settings(options.config, options.set)), ERRORS, level=logging.WARNING)


def _run(settings: Settings) -> int:
    release = current_release(settings.build_dir / "releases")
    texts = draw_texts(settings, settings.loadtest.catalog)
    space = make_space(settings.tune, settings.serving, release, usable_cores())
    place, reports = settings.build_dir / FILE, settings.build_dir / "reports" / "tune"
    search = Search(space, settings.tune, Measurement(settings, texts), former_candidate(place, space))
    search.tell = lambda trial, left: print(progress_line(trial, left, space.default), file=sys.stderr, flush=True)
    print(_announcement(settings, space), file=sys.stderr)
    facts = {
        **conditions(("nvidia-pytriton", "onnxruntime")),
        "release": release.id,
        "texts": describe(texts),
        "kept": list(space.kept),
        "settings": {
            "tune": settings.tune.model_dump(mode="json"),
            "serving": settings.serving.model_dump(mode="json"),
        },
    }
    with report_folder(reports) as folder:
        stopped = _searched(search)
        verdict = None if stopped else decide(search.trials, space.default, settings.tune)
        limits = _write_report(folder, search, verdict, facts)
    _print_report(search, verdict, limits)
    print(f"Written: {reports}/ (tune.png, measurements.csv, tune.json)")
    if verdict is None:
        print("Stopped before its end: what was measured is kept, and no settings were chosen.", file=sys.stderr)
        return 130
    print(_put_in_place(place, verdict.winner, space, release, facts["created"]))
    return 0


def _searched(search: Search) -> bool:
    """Whether the search was stopped before its end; raises where nothing was measured until then."""
    try:
        with remembered() as search.stopped:
            search.run()
    except KeyboardInterrupt:
        if not any(one.figures is not None for one in search.trials if one.candidate == search.space.default):
            raise
        return True
    return False


def former_candidate(place: Path, space: Space) -> Candidate | None:
    """What an earlier tuning has found, where it is still among what may be varied."""
    try:
        found = read_tuned(place)
    except ServingError:
        return None
    if found is None:
        return None
    varied = {name for axis in space.axes for option in axis.options for name in option}
    values: dict[str, Any] = {key: value for key, value in found.serving.items() if key in varied}
    return Candidate(**{**space.default.values(), **values})


def _announcement(settings: Settings, space: Space) -> str:
    tune = settings.tune
    default = ", ".join(f"{key} {value}" for key, value in space.default.values().items())
    told = (
        f"About {tune.minutes:g} min at {tune.clients} clients. Leave the machine alone meanwhile.\nDefault: {default}"
    )
    if space.kept:
        told += f"\nNot varied, as they are set to other values than their defaults: {', '.join(space.kept)}"
    return told


def _write_report(folder: Path, search: Search, verdict: Verdict | None, facts: dict[str, Any]) -> Limits:
    """Writes the report's files; returns the limits that hold in it."""
    trials, default = search.trials, search.space.default
    found = results(trials)
    limits = verdict.limits if verdict else _limits(search)
    winner = verdict.winner if verdict else None
    told = {"stopped_early": verdict is None, "verdict": verdict.told if verdict else None}
    own = {**facts, **told, "drift_of_the_default": drift(trials, default)}
    write_csv(folder / "measurements.csv", trials)
    write_json(folder / "tune.json", as_json(trials, default, winner, limits, own))
    machine = facts["machine"]
    title = (
        f"{machine['cores']} cores, load generator included ({machine['processor']}); {search.tune.clients} clients; "
        f"{facts['texts']['mean_characters']:.0f} characters a text; load before: {machine['load_before']:g}"
    )
    plot(folder / "tune.png", found, default, winner, limits, title)
    return limits


def _limits(search: Search) -> Limits:
    own = next(one for one in results(search.trials) if one.candidate == search.space.default)
    assert own.figures is not None, "the default was measured"
    return Limits.of(search.tune, own.figures)


def _print_report(search: Search, verdict: Verdict | None, limits: Limits) -> None:
    default = search.space.default
    found = results(search.trials)
    print(f"\nCandidates: {len(found)}, measurements: {len(search.trials)}. The best of them:\n")
    for line in table(found, default, verdict.winner if verdict else None, limits):
        print(line)
    print()
    moved = drift(search.trials, default)
    if moved is not None and abs(moved) > DRIFT:
        direction = "more" if moved > 0 else "less"
        print(
            f"The default answered {abs(moved):.0%} {direction} at the end than at the beginning: the machine did "
            "something else too, or its clock changed."
        )
    if verdict is not None:
        print(verdict.told)


def _put_in_place(place: Path, winner: Candidate, space: Space, release: Release, created: str) -> str:
    """Writes the winner for the servers to come; where the default is the winner, nothing stays in its way."""
    values = winner.differing(space.default)
    if not values:
        gone = place.exists()
        place.unlink(missing_ok=True)
        return f"{place}, of an earlier tuning, was removed." if gone else "Nothing is to be changed."
    write_tuned(place, Tuned.here(values, release, created))
    return f"Written: {place} ({values_told(values)}). Servers that are started from now on use it: `make serve`."


if __name__ == "__main__":
    sys.exit(main())
