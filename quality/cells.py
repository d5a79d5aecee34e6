"""A cell of the table: a task, so many labelled products, a seed; and its folder with all that its systems see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from catalog.prepared import Example, read_split
from catalog.taxonomy import Taxonomy
from quality.tasks import CATEGORY, Task
from settings import Settings, load_settings
from settings.render import render_settings
from steps import staged_file

ALL = "all"
CONFIG, FACTS = "tagger.yaml", "cell.json"


@dataclass(frozen=True)
class Cell:
    """What every system is asked in the same way.

    Attributes:
        folder: where all of it lies; the systems' results too.
        task: the data set and its column.
        labels: training products with a category that are kept; None: all.
        seed: of the draw, and of everything that the systems draw.
    """

    folder: Path
    task: Task
    labels: int | None
    seed: int

    @property
    def size(self) -> str:
        """The number of labels as a person says it."""
        return ALL if self.labels is None else str(self.labels)

    @property
    def title(self) -> str:
        """What the cell is called in a sentence."""
        return f"{self.task.name}, {self.size} labels, seed {self.seed}"

    @property
    def config(self) -> Path:
        """The settings that the product is run with, for `--config`."""
        return self.folder / CONFIG

    @property
    def build(self) -> Path:
        """The product's build directory."""
        return self.folder / "build"

    @property
    def catalog(self) -> Path:
        """The prepared catalogue: what all systems learn from and are judged on."""
        return self.build / "catalog"

    def settings(self) -> Settings:
        """Read the settings that `write` wrote."""
        return load_settings(self.config)

    def write(self, given: Settings) -> None:
        """Make the folder, with what the commands of the product and `read_cell` need.

        Args:
            given: what the suite was started with: all that is not the cell's own is the product's default or the
                user's choice.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        catalog = {
            "path": str(self.task.stem),
            "columns": {**given.catalog.columns, **self.task.columns},
            "limit": self.labels,
            "seed": self.seed,
            # Rows without a category are no mistakes here.
            "max_reject_share": 1.0,
        }
        training = {"seed": self.seed, "baseline": False, "report_to": "none"}
        settings = given.model_copy(
            update={
                "build_dir": self.build.absolute(),
                "catalog": given.catalog.model_copy(update=catalog),
                "training": given.training.model_copy(update=training),
            }
        )
        facts = {
            "task": self.task.name, "stem": str(self.task.stem), "column": self.task.column, "rows": self.task.rows,
            "labels": self.labels, "seed": self.seed,
        }  # fmt: skip
        for path, text in (
            (self.config, render_settings(settings)),
            (self.folder / FACTS, json.dumps(facts, ensure_ascii=False, indent=1) + "\n"),
        ):
            with staged_file(path) as staging:
                staging.write_text(text, encoding="utf-8")

    def summary(self) -> dict[str, Any]:
        """What the catalogue stage says of the prepared catalogue."""
        summary: dict[str, Any] = json.loads((self.catalog / "summary.json").read_text(encoding="utf-8"))
        return summary


def read_cell(folder: Path) -> Cell:
    """Read what `Cell.write` wrote."""
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    task = Task(facts["task"], Path(facts["stem"]), facts.get("column", CATEGORY), facts["rows"])
    return Cell(folder, task, facts["labels"], facts["seed"])


@dataclass(frozen=True)
class Products:
    """The prepared products of a cell, the same for every system.

    Attributes:
        catalog: the prepared catalogue that they are read from.
    """

    catalog: Path

    @cached_property
    def train(self) -> Sequence[Example]:
        """What a system learns from."""
        return read_split(self.catalog, "train")

    @cached_property
    def validation(self) -> Sequence[Example]:
        """What it may choose and calibrate with; may be empty."""
        return read_split(self.catalog, "validation")

    @cached_property
    def test(self) -> Sequence[Example]:
        """What it is judged on."""
        return read_split(self.catalog, "test")

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The labels."""
        return Taxonomy.from_json(self.catalog / "taxonomy.json")
