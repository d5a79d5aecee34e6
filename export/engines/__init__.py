"""The engines, by target: how the float32 graph becomes what Triton runs.

An engine is a module of this package with the functions and constants of `Engine`. To add one, write the module and
name it in `ENGINES`; nothing else changes. `tensorrt.py` (TARGET=gpu: FP16 plan, Triton's tensorrt backend) goes here.
An engine's module is imported when its target is asked for, so its libraries need not be installed for the others.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Protocol, cast

from export.errors import ExportError
from export.held_out import Scorer
from export.parity import Limits
from settings import ExportSettings

ENGINES = {"cpu": "onnxruntime_int8"}
"""Target → module of this package."""
PLANNED = {"gpu": "a TensorRT plan"}
"""Targets that are known by name and can't be exported yet."""


class Engine(Protocol):
    """What an engine's module offers."""

    NAME: str
    """What tables and the manifest call it."""
    FILE: str
    """What the file is called that `build` writes."""
    VARIANTS: tuple[str, ...]
    """Ways to build it, the quickest engine first; the first that passes the parity gate is taken."""
    PACKAGES: tuple[str, ...]
    """Distributions whose versions decide how the engine comes out; the manifest has them."""

    def build(self, graph: Path, path: Path, variant: str) -> None:
        """Make the engine.

        Args:
            graph: the float32 ONNX graph.
            path: the file to write.
            variant: one of `VARIANTS`.

        Raises:
            ExportError: the graph can't be turned into it.
        """

    def open_scorer(self, path: Path, threads: int) -> Scorer:
        """Load the engine the way the server does.

        Args:
            path: what `build` wrote.
            threads: cores one run may use.
        """

    def install(self, path: Path, folder: Path) -> None:
        """Make a release's classifier: configuration, engine and what else its backend needs.

        Args:
            path: what `build` wrote.
            folder: model_repository/classifier of the release, which doesn't exist yet. The configuration's SCORES has
                dims [ -1 ]; the number of outputs is filled in afterwards.
        """

    def limits(self, settings: ExportSettings) -> Limits:
        """What the engine must hold against the PyTorch checkpoint."""

    def facts(self, path: Path) -> dict[str, Any]:
        """What the manifest says of it: operators, numbers of quantized weights and the like."""


def find_engine(target: str) -> Engine:
    """Import the engine of a target.

    Raises:
        ExportError: there is none.
    """
    if target in PLANNED:
        raise ExportError(
            f"TARGET={target} ({PLANNED[target]}) can't be exported yet; TARGET=cpu can, and serves on any machine."
        )
    if target not in ENGINES:
        raise ExportError(f"There is no target {target!r}; there is: {', '.join(ENGINES)}.")
    return cast(Engine, importlib.import_module(f"export.engines.{ENGINES[target]}"))
