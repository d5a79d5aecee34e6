"""The run of the suite: each cell prepared, each of its systems measured unless that has been done already."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from quality.cells import Cell
from quality.errors import QualityError
from quality.plan import Plan, expected_seconds
from quality.results import (
    Result,
    failure_file,
    log_file,
    read_failure,
    read_result,
    reason_to_run,
    result_file,
)
from quality.running import OutOfTime, run_module
from quality.stamps import inputs_of
from quality.systems import System
from settings import Settings
from steps import staged_file

logger = logging.getLogger(__name__)

LARGE = ("base", "checkpoint", "encoders", "folds", "measured", "training")
"""What the product leaves in its build directory that is not needed once its answers are kept: hundreds of MB."""
PREPARING = "prepare"


@dataclass
class Suite:
    """Measures what a plan asks for.

    Attributes:
        plan: what.
        settings: what the product is run with, beside the cell's own.
        until: when the run ends, on the clock of `time.monotonic`; None: when all is measured.
        after_cell: called when a cell is through, to bring the report up to date.
    """

    plan: Plan
    settings: Settings
    until: float | None
    after_cell: Callable[[], None]
    _known: list[Result] = field(default_factory=list)
    _tried: set[Path] = field(default_factory=set)
    _unprepared: set[tuple[str, str]] = field(default_factory=set)
    _set_up: dict[str, str] = field(default_factory=dict)

    def run(self) -> bool:
        """Measure; what fails is told and left out.

        Returns:
            Whether all was tried before the time was over.
        """
        for cell in self.plan.cells():
            for system in self.plan.systems_of(cell):
                if result := read_result(cell, system):
                    self._known.append(result.brief())
        for cell in self.plan.cells():
            try:
                measured = self._cell(cell)
            except OutOfTime:
                logger.info("The time is over. The same command goes on where it stopped.")
                return False
            if measured:
                self.after_cell()
        return True

    def _cell(self, cell: Cell) -> bool:
        """Measure the systems of a cell; returns whether there is anything new."""
        self._check_time()
        systems = self.plan.systems_of(cell)
        self._tried.update(result_file(cell, system) for system in systems)
        if (cell.task.name, cell.size) in self._unprepared:
            return False
        try:
            cell.write(self.settings)
            run_module(
                ("catalog", "prepare", "--config", str(cell.config)), cell.folder / f"{PREPARING}.log", self.until
            )
        except OutOfTime:
            raise
        except QualityError as error:
            self._unprepared.add((cell.task.name, cell.size))
            logger.warning("%s: left out (%s).", cell.title, error)
            self._keep_failure(cell, systems, str(error))
            return True
        measured = [self._system(cell, system) for system in systems]
        self._remove_large(cell, systems)
        return any(measured)

    def _system(self, cell: Cell, system: System) -> bool:
        """Measure a system, unless its result is up to date; returns whether it was tried."""
        self._check_time()
        former = read_result(cell, system)
        reason = reason_to_run(former, inputs_of(cell, system))
        if reason is None:
            return False
        if self._lacks(cell, system):
            return True
        logger.info("%s: %s is measured, because %s.%s", cell.title, system.title, reason, self._left(cell))
        started = time.monotonic()
        try:
            run_module(("quality.work", str(cell.folder), system.name), log_file(cell, system), self.until)
            result = read_result(cell, system)
            if result is None:
                raise QualityError(f"it wrote no result (log: {log_file(cell, system)})")
        except OutOfTime:
            raise
        except QualityError as error:
            logger.warning("%s: %s failed: %s. The others go on.", cell.title, system.title, error)
            self._keep_failure(cell, [system], str(error))
            return True
        self._known.append(result.brief())
        logger.info("%s: %s %s, in %s.", cell.title, system.title, told(result), duration(time.monotonic() - started))
        return True

    def _lacks(self, cell: Cell, system: System) -> bool:
        """Make what a system needs beside this project, once in a run; returns whether that failed, which is told."""
        if system.setup is None:
            return False
        if system.name not in self._set_up:
            folder, log = self.plan.folder / f".{system.name}", self.plan.folder / f".{system.name}.log"
            logger.info("%s: its environment is looked at, and made where it is not there.", system.title)
            try:
                run_module((system.setup, str(folder)), log, self.until)
                self._set_up[system.name] = ""
            except OutOfTime:
                raise
            except QualityError as error:
                self._set_up[system.name] = str(error)
                logger.warning("%s is left out: %s.", system.title, error)
        if reason := self._set_up[system.name]:
            self._keep_failure(cell, [system], reason)
        return bool(reason)

    def _check_time(self) -> None:
        if self.until is not None and time.monotonic() >= self.until:
            raise OutOfTime("the time was over")

    def _keep_failure(self, cell: Cell, systems: list[System], reason: str) -> None:
        for system in systems:
            result_file(cell, system).unlink(missing_ok=True)  # it was made from something else
            with staged_file(failure_file(cell, system)) as staging:
                staging.write_text(f"{reason}\n", encoding="utf-8")

    def _remove_large(self, cell: Cell, systems: list[System]) -> None:
        if all(read_result(cell, system) or read_failure(cell, system) for system in systems):
            for name in LARGE:
                shutil.rmtree(cell.build / name, ignore_errors=True)

    def _left(self, present: Cell) -> str:
        """How long the rest may take, as a sentence with a space before it; empty where nothing is known."""
        rows = {task.name: task.rows for task in self.plan.tasks}
        done = {(result.task, result.size, result.seed, result.system) for result in self._known}
        guesses = []
        for cell in self.plan.cells():
            for system in self.plan.systems_of(cell):
                key = (cell.task.name, cell.size, cell.seed, system.name)
                if key in done or (cell.folder != present.folder and result_file(cell, system) in self._tried):
                    continue
                guesses.append(expected_seconds(cell, system, self._known, rows))
        known = [guess for guess in guesses if guess is not None]
        if not known or len(known) < len(guesses):
            return f" {len(guesses)} results are to come."
        left = sum(known)
        if self.until is not None:
            left = min(left, self.until - time.monotonic())
        return f" {len(guesses)} results are to come, about {duration(left)}."


def told(result: Result) -> str:
    """A result's most important figures."""
    figures = result.figures
    words = f"{figures['category_accuracy']:.3f} / {figures['category_macro_f1']:.3f}"
    if "tag_micro_f1" in figures:
        words += f", tags {figures['tag_micro_f1']:.3f} / {figures['tag_macro_f1']:.3f}"
    return words


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
