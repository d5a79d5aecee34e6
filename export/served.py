"""The sources of the Triton models: copied into a release, and used to load and batch as the server does."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

from steps import directory_files

SOURCES = Path(__file__).resolve().parents[1] / "model_repository"


CONFIGS = "configs"
"""Folder of a model with the configurations that it has with other engines (Triton's own name for alternatives)."""


def copy_model(name: str, folder: Path, alternative: str | None = None) -> None:
    """Copy a model's configuration and code.

    Args:
        name: its folder in model_repository/.
        folder: where to; it is made, with the version's folder 1 that Triton wants of an ensemble too.
        alternative: which of the configurations in its folder `configs` it gets, where it has that one.
    """
    for source in directory_files(SOURCES / name):
        if source.parent.name == CONFIGS:
            continue
        place = folder / source.relative_to(SOURCES / name)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    other = SOURCES / name / CONFIGS / f"{alternative}.pbtxt"
    if alternative is not None and other.is_file():
        shutil.copyfile(other, folder / "config.pbtxt")
    (folder / "1").mkdir(exist_ok=True)


def served_module(name: str) -> ModuleType:
    """Import a module from the classifier's folder, which is no package, as it has to work alone in a release."""
    spec = importlib.util.spec_from_file_location(f"_served_{name}", SOURCES / "classifier" / "1" / f"{name}.py")
    assert spec is not None and spec.loader is not None, f"{SOURCES} is part of the project"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
