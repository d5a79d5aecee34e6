"""The command on a small data set: real cells, a table, going on, refusing, failing."""

from __future__ import annotations

import importlib
import json
import logging
import os
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from quality.__main__ import main
from quality.errors import QualityError
from quality.plan import Plan
from quality.results import read_result
from quality.running import last_words
from quality.systems import BY_NAME
from quality.tasks import find_tasks
from steps import locked
from tests.quality.conftest import write_set

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the commands here: each is seconds in a process of its own. test_product.py has them as they are."""

    def run_module(words: Sequence[str], log: Path, until: float | None = None) -> None:
        module = importlib.import_module(words[0] if words[0].startswith("quality.") else f"{words[0]}.__main__")
        with log.open("w", encoding="utf-8") as stream, redirect_stdout(stream), redirect_stderr(stream):
            status = module.main(list(words[1:]))
        if status:
            raise QualityError(last_words(log, status))

    monkeypatch.setattr("quality.suite.run_module", run_module)


def quality(data: Path, build: Path, *options: str) -> int:
    return main(["--data", str(data), "--seeds", "1", "--set", f"build_dir={build}", *options])


def cell_folder(build: Path, task: str = "toy", size: str = "all") -> Path:
    return build / "quality" / task / size / "13"


@pytest.fixture(autouse=True)
def all_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_run_measures_each_cell_writes_the_table_and_does_nothing_again(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build = tmp_path / "build"
    assert quality(data, build, "--systems", "linear", "--sizes", "30,all") == 0
    table = (build / "reports" / "quality" / "quality.md").read_text(encoding="utf-8")
    assert table.count("\n| toy | 30 | 3 |") == 1 and table.count("\n| toy.leaf | 30 | 12 |") == 1
    assert (build / "reports" / "quality" / "quality.png").is_file()
    content = json.loads((build / "reports" / "quality" / "quality.json").read_text(encoding="utf-8"))
    (full,) = (row for row in content["rows"] if row["task"] == "toy" and row["size"] == "all")
    assert full["systems"]["linear"]["figures"]["category_accuracy"]["median"] > 0.9
    assert full["tested_on"] == 54  # those without a category are left out
    file = cell_folder(build) / "linear.json"
    kept = file.read_bytes()
    caplog.clear()
    assert quality(data, build, "--systems", "linear", "--sizes", "30,all") == 0
    assert file.read_bytes() == kept and "is measured" not in caplog.text


def test_a_result_is_made_again_when_the_data_change_and_the_reason_is_told(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build = tmp_path / "build"
    options = ("--systems", "linear", "--sizes", "all", "--sets", "toy.leaf")
    assert quality(data, build, *options) == 0
    write_set(data, "toy", {"train": 180})
    assert quality(data, build, *options) == 0
    assert "is measured, because the products changed since" in caplog.text


def test_two_runs_at_once_are_refused_and_the_report_is_not(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = tmp_path / "build"
    with locked(build / "quality"):
        assert quality(data, build, "--systems", "linear") == 1
        assert f"Another run measures in {build / 'quality'} right now" in capsys.readouterr().err
        assert quality(data, build, "--minutes", "0") == 0


def test_without_time_left_nothing_is_begun_and_the_report_is_written(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build = tmp_path / "build"
    assert quality(data, build, "--systems", "linear", "--minutes", "1e-9") == 0
    assert "The same command goes on where it stopped" in caplog.text
    assert not cell_folder(build, size="100").exists()
    assert (build / "reports" / "quality" / "quality.md").is_file()


def test_a_cell_with_fewer_labels_than_categories_is_left_out_with_its_reason(data: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    assert quality(data, build, "--systems", "linear", "--sizes", "5,all", "--sets", "toy.leaf") == 0
    table = (build / "reports" / "quality" / "quality.md").read_text(encoding="utf-8")
    assert "toy.leaf, 5 labels, TF-IDF + linear: catalog.limit is 5, but there are 12 categories" in table
    assert "| toy.leaf | 12" in table or "| toy.leaf | 1" in table  # the other cell is there


def test_a_system_that_fails_is_told_and_the_others_go_on(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build = tmp_path / "build"
    options = ("--systems", "linear,frozen", "--sizes", "all", "--sets", "toy.leaf")
    assert quality(data, build, *options, "--set", "training.base=/no/such/base") == 0
    assert "frozen encoder + logistic failed: training.base: '/no/such/base' is no built-in base" in caplog.text
    assert (cell_folder(build, "toy.leaf") / "linear.json").is_file()
    table = (build / "reports" / "quality" / "quality.md").read_text(encoding="utf-8")
    assert "toy.leaf, all labels, frozen encoder + logistic: training.base: '/no/such/base'" in table


def test_what_a_system_needs_is_made_once_and_its_absence_costs_its_column_only(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # pip as it is where there is no index.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    build = tmp_path / "build"
    assert quality(data, build, "--systems", "linear,setfit", "--sizes", "20,all", "--sets", "toy.leaf") == 0
    assert caplog.text.count("SetFit is left out: setfit can't be installed beside this project (ERROR: ") == 1
    assert len(list((build / "quality" / "toy.leaf").glob("*/13/setfit.failed"))) == 2
    assert read_result_of(data, build, "linear") is not None


def test_a_result_that_can_not_be_read_is_measured_again(data: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    options = ("--systems", "linear", "--sizes", "all", "--sets", "toy.leaf")
    assert quality(data, build, *options) == 0
    file = cell_folder(build, "toy.leaf") / "linear.json"
    file.write_text(file.read_text(encoding="utf-8")[:100], encoding="utf-8")
    assert quality(data, build, *options) == 0
    assert read_result_of(data, build, "linear") is not None


def read_result_of(data: Path, build: Path, system: str) -> Any:
    plan = Plan(build / "quality", find_tasks(data, ["toy.leaf"]), [None], [BY_NAME[system]], 13, 1)
    return read_result(plan.cell(plan.tasks[0], None, 0), BY_NAME[system])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sizes", "0"], "neither a whole number from 1 on nor 'all'"),
        (["--sizes", ","], "names no number of labels"),
        (["--systems", "bert"], "the systems are product, linear, frozen, setfit"),
        (["--minutes", "-1"], "is not a number of minutes"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(options)
    assert told in capsys.readouterr().err


def test_a_run_without_a_folder_says_how_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "--data DIR, or with make QUALITY_DATA=DIR" in capsys.readouterr().err
