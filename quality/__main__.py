"""`make quality`: the product, a linear model and a frozen encoder on the same products, in one table.

Each data set is measured with its categories and, where it has them, its category paths, at several numbers of labels
and seeds. Results that are up to date stay; an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from quality.errors import QualityError
from quality.plan import SEEDS, SHORT_S, Plan
from quality.reports import Reports
from quality.suite import Suite
from quality.systems import BY_NAME, SYSTEMS
from quality.tasks import find_tasks
from settings import Settings, add_settings_options, load_settings
from steps import locked, run_command

FOLDER = "quality"
"""In the build directory: the cells and what is made for them."""
ALL = "all"
SIZES = "100,300,1000,all"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the suite; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m quality",
        description="Measure the product beside its neighbours on a folder of data sets; writes build/reports/quality. "
        "An interrupted run goes on where it stopped.",
    )
    add_settings_options(parser)
    names = ",".join(BY_NAME)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with shop.train.jsonl.gz and the like")
    parser.add_argument(
        "--sets", type=_words, default=(), metavar="A,B", help="data sets, or tasks such as shop.leaf (default: all)"
    )
    parser.add_argument(
        "--sizes", type=_sizes, default=_sizes(SIZES), metavar="N,…", help=f"numbers of labels (default: {SIZES})"
    )
    parser.add_argument(
        "--seeds",
        type=_count,
        metavar="N",
        help=f"seeds of each cell (default: {SEEDS} where training took under {SHORT_S / 60:g} minutes, otherwise 1)",
    )
    parser.add_argument("--systems", type=_systems, metavar="A,B", help=f"which are measured (default: {names})")
    parser.add_argument(
        "--minutes",
        type=_minutes,
        metavar="N",
        help="end after so many, and go on the next time; 0 only writes the report (default: no limit)",
    )
    options = parser.parse_args(arguments)
    return run_command(
        lambda: _run(load_settings(options.config, options.set), options),
        stopped="Interrupted. The same command goes on where it stopped.",
    )


def _run(settings: Settings, options: argparse.Namespace) -> int:
    started = time.monotonic()
    if options.data is None:
        raise QualityError("Name a folder with data sets: --data DIR, or with make QUALITY_DATA=DIR.")
    tasks = find_tasks(options.data, options.sets)
    folder = settings.build_dir / FOLDER
    plan = Plan(
        folder,
        tasks,
        options.sizes,
        [BY_NAME[name] for name in options.systems or BY_NAME],
        settings.catalog.seed,
        options.seeds,
        frozenset(options.systems or ()),
    )
    reports = Reports(settings.build_dir / "reports" / FOLDER, plan, options.data)
    if options.minutes != 0:
        folder.mkdir(parents=True, exist_ok=True)
        until = None if options.minutes is None else started + 60 * options.minutes
        with locked(folder, doing=f"Another run measures in {folder}"):
            logging.getLogger(__name__).info("%d tasks: %s.", len(tasks), ", ".join(task.name for task in tasks))
            Suite(plan, settings, until, lambda: _ignored(reports.write())).run()
    for line in reports.write():
        print(line)
    print(f"Written: {reports.folder / 'quality.md'}, quality.json, quality.png")
    return 0


def _ignored(_: object) -> None:
    """What is told at the end only."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))


def _sizes(text: str) -> tuple[int | None, ...]:
    sizes = tuple(None if word == ALL else _count(word) for word in _words(text))
    if not sizes:
        raise argparse.ArgumentTypeError(f"{text!r} names no number of labels, such as {SIZES}")
    return sizes


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number from 1 on nor {ALL!r}")
    return int(text)


def _systems(text: str) -> tuple[str, ...]:
    names = _words(text)
    unknown = [name for name in names if name not in BY_NAME]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{text!r}: the systems are {', '.join(BY_NAME)}")
    return tuple(system.name for system in SYSTEMS if system.name in names)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes, 0 or more")
    return minutes


if __name__ == "__main__":
    sys.exit(main())
