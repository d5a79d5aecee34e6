"""Which cells there are, in which order they are measured, and how long that may take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from quality.cells import Cell
from quality.results import Result, read_result
from quality.systems import BY_NAME, PRODUCT, System
from quality.tasks import Task

SEEDS = 3
"""Seeds of a cell whose training is short."""
SHORT_S = 300.0
"""Longer trainings are done with one seed."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured.

    Attributes:
        folder: where the cells' folders lie.
        tasks: in the order of the table.
        sizes: numbers of labels; None: all.
        systems: in the order in which they learn.
        first_seed: the first cell's; others count up from it.
        seeds: of each cell; None: `SEEDS` where training is short, otherwise one.
        named: systems that were asked for by name, whatever number of labels they are meant for.
    """

    folder: Path
    tasks: Sequence[Task]
    sizes: Sequence[int | None]
    systems: Sequence[System]
    first_seed: int
    seeds: int | None
    named: frozenset[str] = frozenset()

    def sizes_of(self, task: Task) -> list[int | None]:
        """The numbers of labels, ascending; those that a task doesn't have are all of it."""
        numbers = {size if size is not None and size < task.rows else None for size in self.sizes}
        return sorted(numbers, key=lambda size: math.inf if size is None else size)

    def cell(self, task: Task, size: int | None, number: int) -> Cell:
        """A cell by the number of its seed, counted from 0."""
        seed = self.first_seed + number
        name = "all" if size is None else str(size)
        return Cell(self.folder / task.name / name / str(seed), task, size, seed)

    def rows(self) -> Iterator[tuple[Task, int | None]]:
        """Task and number of labels of each row of the table, in its order."""
        for task in self.tasks:
            for size in self.sizes_of(task):
                yield task, size

    def cells(self) -> Iterator[Cell]:
        """The cells in the order in which they are measured, their seeds decided as they come.

        All rows get a first seed, those with few labels first, so that an hour gives something of everything.
        """
        rows = sorted(self.rows(), key=lambda row: row[0].rows if row[1] is None else row[1])
        number = 0
        while rows:
            for task, size in rows:
                yield self.cell(task, size, number)
            number += 1
            rows = [(task, size) for task, size in rows if number < self.seeds_of(task, size)]

    def seeds_of(self, task: Task, size: int | None) -> int:
        """How many seeds a row has: as far as is known before the first has been measured."""
        if self.seeds is not None:
            return self.seeds
        if PRODUCT not in {system.name for system in self.systems}:
            return SEEDS
        first = read_result(self.cell(task, size, 0), BY_NAME[PRODUCT])
        return SEEDS if first is None or first.seconds < SHORT_S else 1

    def systems_of(self, cell: Cell) -> list[System]:
        """The systems that learn in a cell."""
        labels = cell.task.rows if cell.labels is None else cell.labels
        return [
            system
            for system in self.systems
            if system.name in self.named or system.most_labels is None or labels <= system.most_labels
        ]


def expected_seconds(cell: Cell, system: System, known: Sequence[Result], rows: Mapping[str, int]) -> float | None:
    """Guess how long a system will learn in a cell, by what it took in others; None where nothing is known.

    Args:
        cell: the cell.
        system: the system.
        known: results of any system.
        rows: task → its training products.
    """
    own = [result for result in known if result.system == system.name]
    nearest = [result for result in own if result.task == cell.task.name] or own
    if not nearest:
        return None
    labels = cell.labels or rows[cell.task.name]
    distances = [(abs(math.log(labels / max(1, result.labels))), result) for result in nearest]
    least = min(distance for distance, _ in distances)
    beside = [result for distance, result in distances if distance <= least + 0.1]
    return median(max(result.seconds, 1.0) * max(1.0, labels / max(1, result.labels)) for result in beside)
