"""`python -m quality.work FOLDER SYSTEM`: one system learns and answers in one cell. The suite starts it.

A process of its own frees the memory of each system, and lets one fail or be stopped without the others.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from quality.cells import Products, read_cell
from quality.outcomes import Outcomes
from quality.results import Result, now, write_result
from quality.stamps import inputs_of
from quality.systems import BY_NAME, System
from quality.systems.interface import Answered, Run
from steps import locked, run_command
from training.evaluation import coverage_at, summarize

COVERED = 0.95


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures a system in a cell; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m quality.work", description=__doc__)
    parser.add_argument("folder", type=Path, help="the cell's folder")
    parser.add_argument("system", choices=list(BY_NAME))
    options = parser.parse_args(arguments)
    return run_command(lambda: _work(options.folder, BY_NAME[options.system]))


def _work(folder: Path, system: System) -> int:
    cell = read_cell(folder)
    with locked(folder, doing=f"Another run measures {cell.title}"):
        # Before anything is learnt: what changes meanwhile has it made again.
        inputs = inputs_of(cell, system)
        products = Products(cell.catalog)
        run: Run = importlib.import_module(system.module).run
        answered = run(cell, products)
        times = os.times()
        result = Result(
            system=system.name,
            task=cell.task.name,
            size=cell.size,
            seed=cell.seed,
            created=now(),
            inputs=inputs,
            labels=len(products.train),
            validation=len(products.validation),
            seconds=round(answered.seconds, 1),
            processor_seconds=round(times.user + times.system + times.children_user + times.children_system, 1),
            figures=_figures(answered),
            setting=answered.setting,
            halves=answered.halves,
            answers=Outcomes.of(answered.test, products.test, len(products.taxonomy.category_ids)).to_json(),
        )
        write_result(cell, system, result)
    return 0


def _figures(answered: Answered) -> dict[str, float]:
    validation, test = answered.validation, answered.test
    covered = coverage_at(COVERED, (validation.confidence, validation.right), (test.confidence, test.right))
    # Where no confidence reaches the share, nothing is answered without a person.
    return {**summarize(test), "coverage_95": covered["coverage"] or 0.0}


if __name__ == "__main__":
    sys.exit(main())
