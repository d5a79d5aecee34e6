"""The served classifier's own modules: what is compared must be loaded and batched as the server does it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[1] / "model_repository" / "classifier" / "1"


def served_module(name: str) -> ModuleType:
    """Import a module from the classifier's folder, which is no package, as it has to work alone in a release."""
    spec = importlib.util.spec_from_file_location(f"_served_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None, f"{FOLDER} is part of the project"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
