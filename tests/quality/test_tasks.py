"""What the suite finds in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from quality.errors import QualityError
from quality.tasks import find_tasks
from tests.quality.conftest import write_set


def test_a_data_set_with_paths_gives_a_second_task(data: Path) -> None:
    write_set(data, "plain", path=False)
    assert [(task.name, task.column, task.rows) for task in find_tasks(data)] == [
        ("plain", "category", 135),
        ("toy", "category", 135),
        ("toy.leaf", "category_path", 135),
    ]


def test_a_task_can_be_named_and_its_data_set_too(data: Path) -> None:
    assert [task.name for task in find_tasks(data, ["toy.leaf"])] == ["toy.leaf"]
    assert [task.name for task in find_tasks(data, ["toy", "toy.leaf"])] == ["toy", "toy.leaf"]


def test_files_of_another_format_are_found_and_other_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "shop.train.csv").write_text("title,category\ngreen tea,food\nlamp,\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("about shop.train.csv", encoding="utf-8")
    (tmp_path / "notes.train.docx").write_text("", encoding="utf-8")
    (tmp_path / "folder.train.jsonl").mkdir()
    (task,) = find_tasks(tmp_path)
    assert (task.name, task.rows, task.stem) == ("shop", 1, tmp_path.resolve() / "shop")


def test_a_data_set_without_any_category_is_passed_over(data: Path) -> None:
    (data / "words.train.jsonl").write_text('{"title": "green tea", "tags": ["tea"]}\n', encoding="utf-8")
    assert [task.name for task in find_tasks(data)] == ["toy", "toy.leaf"]


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (["shop"], "has no data set 'shop'; it has toy, words"),
        (["words"], "neither a column 'category' nor 'category_path'"),
        (["words.leaf"], "no column 'category_path'"),
    ],
)
def test_a_name_that_gives_nothing_to_measure_is_told(sets: list[str], told: str, data: Path) -> None:
    (data / "words.train.jsonl").write_text('{"title": "green tea"}\n', encoding="utf-8")
    with pytest.raises(QualityError, match=told):
        find_tasks(data, sets)


def test_a_folder_without_a_data_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(QualityError, match="Name a folder that has: --data DIR"):
        find_tasks(tmp_path)
    with pytest.raises(QualityError, match="can't be read"):
        find_tasks(tmp_path / "nowhere")


def test_a_damaged_file_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "shop.train.jsonl.gz").write_bytes(b"\x1f\x8bnothing of the kind")
    with pytest.raises(QualityError, match=r"shop\.train\.jsonl\.gz"):
        find_tasks(tmp_path)
