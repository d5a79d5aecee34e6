"""The data sets of a folder, and what is asked of each: its categories, and its paths of categories."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from product_tagger_files import EXTENSIONS, FileError
from product_tagger_files.tables import open_table
from quality.errors import QualityError

TRAIN = ".train"
CATEGORY, PATH = "category", "category_path"
LEAF = ".leaf"
"""Behind a data set's name: the whole path is the category."""


@dataclass(frozen=True)
class Task:
    """One question to a data set.

    Attributes:
        name: that of the data set; with `LEAF` behind it where the path is the category.
        stem: the data set's files without `.train.jsonl.gz` and the like, absolute.
        column: the column with the category, `CATEGORY` or `PATH`.
        rows: training rows with a category.
    """

    name: str
    stem: Path
    column: str
    rows: int

    @property
    def columns(self) -> Mapping[str, str]:
        """What `catalog.columns` gets."""
        return {} if self.column == CATEGORY else {"category": self.column}


def find_tasks(data: Path, sets: Sequence[str] = ()) -> list[Task]:
    """List the tasks of a folder, in the order of the names.

    Args:
        data: a folder with files such as shop.train.jsonl.gz, shop.validation.jsonl.gz, shop.test.jsonl.gz.
        sets: names of data sets or tasks (`shop`, `shop.leaf`); none: all of the folder.

    Returns:
        The tasks whose training part has a category; a data set without one has none.

    Raises:
        QualityError: The folder has no data set, none of a name that was asked for, or one that can't be read.
    """
    files = dict(_training_files(data))
    if not files:
        raise QualityError(f"{data} has no file such as shop{TRAIN}.jsonl.gz. Name a folder that has: --data DIR.")
    wanted = {name: [] for name in sets} if sets else {name: list[Task]() for name in files}
    for name in wanted:
        found = name if name in files else name.removesuffix(LEAF)
        if found not in files:
            raise QualityError(f"{data} has no data set {name!r}; it has {', '.join(files)}.")
        tasks = _tasks_of(found, files[found])
        wanted[name] = tasks if name == found else [task for task in tasks if task.name == name]
        if sets and not wanted[name]:
            what = f"no column {PATH!r}" if name != found else f"neither a column {CATEGORY!r} nor {PATH!r}"
            raise QualityError(f"{files[found]} has {what} with a value in it, so there is nothing to measure.")
    unique = {task.name: task for tasks in wanted.values() for task in tasks}
    if not unique:
        raise QualityError(f"None of the data sets in {data} has a column {CATEGORY!r} or {PATH!r} with a value in it.")
    return list(unique.values())


def _training_files(data: Path) -> Iterator[tuple[str, Path]]:
    try:
        entries = sorted(data.iterdir())
    except OSError as error:
        raise QualityError(f"{data} can't be read ({error.strerror}). Name a folder: --data DIR.") from error
    for path in entries:
        stem, ending, rest = path.name.partition(f"{TRAIN}.")
        if stem and ending and not stem.startswith(".") and path.is_file() and f".{rest}".lower() in _endings():
            yield stem, path


def _endings() -> Collection[str]:
    return frozenset(EXTENSIONS)


def _tasks_of(name: str, path: Path) -> list[Task]:
    counts = _count(path, (CATEGORY, PATH))
    stem = path.resolve().parent / name
    both = {CATEGORY: name, PATH: f"{name}{LEAF}"}
    return [Task(task, stem, column, counts[column]) for column, task in both.items() if counts[column]]


def _count(path: Path, columns: Sequence[str]) -> dict[str, int]:
    """How many rows have a value in each column."""
    counts = dict.fromkeys(columns, 0)
    try:
        with open_table(path) as table:
            known = [column for column in columns if table.columns is None or column in table.columns]
            for row in table.rows(set(known)):
                for column in known:
                    counts[column] += bool((row.values or {}).get(column))
    except FileError as error:
        raise QualityError(str(error)) from error
    return counts
