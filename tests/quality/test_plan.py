"""Which cells are measured, in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quality.cells import Cell
from quality.plan import Plan, expected_seconds
from quality.results import Result, write_result
from quality.systems import BY_NAME, SYSTEMS
from quality.tasks import Task

SMALL, LARGE = (Task(name, Path("/data") / name, "category", rows) for name, rows in (("few", 250), ("many", 9000)))


def plan(folder: Path, **options: Any) -> Plan:
    values: dict[str, Any] = {"sizes": [None, 1000, 100], "systems": list(SYSTEMS), "first_seed": 13, "seeds": 1}
    return Plan(folder, [LARGE, SMALL], **values | options)


def result(cell: Cell, system: str, seconds: float) -> Result:
    answers = {"products": "", "categories": 2, "tags": 0, "category": [0], "answered": [0], "confidence": [1.0]}
    return Result(
        system=system,
        task=cell.task.name,
        size=cell.size,
        seed=cell.seed,
        created="2026-01-01T00:00:00+00:00",
        inputs={},
        labels=cell.labels or cell.task.rows,
        validation=10,
        seconds=seconds,
        processor_seconds=seconds,
        figures={"category_accuracy": 1.0},
        setting={},
        halves={},
        answers={**answers, "carried": [[]], "given": [[]]},
    )


def test_few_labels_come_first_and_a_number_that_a_set_does_not_have_is_all_of_it(tmp_path: Path) -> None:
    cells = [(cell.task.name, cell.size) for cell in plan(tmp_path).cells()]
    assert cells == [("many", "100"), ("few", "100"), ("few", "all"), ("many", "1000"), ("many", "all")]


def test_further_seeds_come_when_every_cell_has_had_one(tmp_path: Path) -> None:
    seeds = [(cell.task.name, cell.size, cell.seed) for cell in plan(tmp_path, sizes=[None], seeds=2).cells()]
    assert seeds == [("few", "all", 13), ("many", "all", 13), ("few", "all", 14), ("many", "all", 14)]


def test_a_cell_whose_training_took_long_keeps_one_seed(tmp_path: Path) -> None:
    chosen = plan(tmp_path, sizes=[None], seeds=None)
    for task, seconds in ((SMALL, 100.0), (LARGE, 301.0)):
        cell = chosen.cell(task, None, 0)
        cell.folder.mkdir(parents=True)
        write_result(cell, BY_NAME["product"], result(cell, "product", seconds))
    assert [(cell.task.name, cell.seed) for cell in chosen.cells()] == [
        ("few", 13), ("many", 13), ("few", 14), ("few", 15),
    ]  # fmt: skip


def test_setfit_is_left_out_of_large_cells_unless_it_is_named(tmp_path: Path) -> None:
    def with_setfit(chosen: Plan) -> list[str]:
        return [cell.size for cell in chosen.cells() if BY_NAME["setfit"] in chosen.systems_of(cell)]

    sizes = [100, 1000, 2000, None]
    assert with_setfit(plan(tmp_path, sizes=sizes)) == ["100", "100", "all", "1000"]
    assert with_setfit(plan(tmp_path, sizes=sizes, named=frozenset({"setfit"}))).count("all") == 2


def test_the_time_of_a_result_is_guessed_from_the_nearest_of_the_same_system(tmp_path: Path) -> None:
    chosen = plan(tmp_path)
    cell = chosen.cell(LARGE, 1000, 0)
    known = [
        result(chosen.cell(LARGE, 100, 0), "product", 30.0),
        result(chosen.cell(SMALL, 100, 0), "product", 500.0),
        result(chosen.cell(LARGE, 1000, 0), "frozen", 7.0),
    ]
    rows = {task.name: task.rows for task in (SMALL, LARGE)}
    assert expected_seconds(cell, BY_NAME["product"], known, rows) == 300.0
    assert expected_seconds(cell, BY_NAME["frozen"], known, rows) == 7.0
    assert expected_seconds(cell, BY_NAME["linear"], known, rows) is None
