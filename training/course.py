"""How a model was fine-tuned: the file beside it, for the steps that follow."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from catalog.prepared import Example
from training.errors import TrainingError
from training.saving import write_json

COURSE_FILE = "fine-tuning.json"


@dataclass(frozen=True)
class Course:
    """How a model was fine-tuned: what fine-tuning.json holds.

    Attributes:
        training: figures of the run, its base and its machine.
        data: the training products by language, and what became of their texts (`text_facts`).
        history: the Trainer's log: a mapping a line, with `step` and `loss` or `eval_…`.
        names: texts of the categories' names that were learnt beside the products (`label_names`).
    """

    training: dict[str, Any]
    data: dict[str, Any]
    history: list[dict[str, float]]
    names: list[Example]

    def write(self, directory: Path) -> None:
        """Write it beside the model."""
        write_json(directory / COURSE_FILE, asdict(self))


def read_course(directory: Path) -> Course:
    """Read how the model of a directory was fine-tuned.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    file = directory / COURSE_FILE
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        names = [Example(**{**name, "tags": ()}) for name in found["names"]]
        return Course(found["training"], found["data"], found["history"], names)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{file} can't be read ({error}): remove {directory} and train again.") from error
