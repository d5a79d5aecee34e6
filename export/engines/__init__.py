"""The engines, by target: how the float32 graph becomes what Triton runs.

An engine is a module of this package with the functions and constants of `Engine`. To add one, write the module and
name it in `ENGINES`; nothing else changes. An engine's module is imported when its target is asked for, so its
libraries need not be installed for the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from export.errors import ExportError
from export.held_out import HeldOut, Run, Scorer
from export.parity import Limits
from settings import ExportSettings, Settings

ENGINES = {"cpu": "onnxruntime_int8", "gpu": "tensorrt"}
"""Target → module of this package."""


@dataclass(frozen=True)
class Workload:
    """What an engine is made for.

    Attributes:
        settings: `export` and `serving`.
        max_length: Tokens a text is cut at in serving.
        positions: Tokens the model has positions for.
        calibration: Gives some products that are not those of the parity gate, for engines that look at numbers.
    """

    settings: Settings
    max_length: int
    positions: int
    calibration: Callable[[], HeldOut]


@dataclass(frozen=True)
class Compiled:
    """What a release's classifier is made of.

    Attributes:
        file: What Triton's backend loads.
        facts: What the manifest tells of it.
        scorer: Computes with the file, where it is another than the graph that has passed the gate already.
    """

    file: Path
    facts: Mapping[str, Any] = field(default_factory=dict)
    scorer: Scorer | None = None


class Engine(Protocol):
    """What an engine's module offers."""

    NAME: str
    """What tables and the manifest call what is served."""
    GRAPH_NAME: str
    """What they call the graph that `build` writes."""
    FILE: str
    """What the served file is called in the classifier's version folder."""
    TAKES_TEXT: bool
    """Whether the classifier cleans, tokenizes and labels itself, in one process. Where Triton itself runs the engine,
    the tokenizer and the labeler are models before and behind it."""
    PACKAGES: tuple[str, ...]
    """Distributions whose versions decide how the engine comes out; the manifest has them."""

    def environment(self) -> dict[str, str]:
        """What else of this machine decides how the engine comes out; the release is made again where it changes."""

    def variants(self, workload: Workload) -> tuple[str, ...]:
        """Ways to build the graph, the quickest engine first; the first that passes the parity gate is taken."""

    def build(self, graph: Path, path: Path, variant: str, workload: Workload) -> None:
        """Make the graph in the engine's precision.

        Args:
            graph: the float32 ONNX graph.
            path: the ONNX file to write.
            variant: one of `variants`.
            workload: what it is made for.

        Raises:
            ExportError: the graph can't be turned into it.
        """

    def open_scorer(self, path: Path, threads: int) -> Scorer:
        """Compute on this machine's processors what the built graph answers when it is served.

        Args:
            path: what `build` wrote.
            threads: cores one run may use.
        """

    def runs(self, lengths: npt.NDArray[np.int64], workload: Workload) -> Iterator[Run]:
        """The runs that the server makes when requests of one text fill its batches in this order.

        Args:
            lengths: tokens of each text, int64 [N].
            workload: what the engine is made for.
        """

    def width(self, length: int, workload: Workload) -> int:
        """Tokens to which a text is padded that is computed alone."""

    def limits(self, settings: ExportSettings) -> Limits:
        """What must be held against the PyTorch checkpoint."""

    def compile(self, graph: Path, folder: Path, workload: Workload, force: bool) -> Compiled:
        """Make what Triton's backend loads.

        Args:
            graph: what `build` wrote, and what has passed the gate.
            folder: where the engine keeps what it makes; what lies there made from the same things is taken.
            workload: what it is made for.
            force: make it again although it is there.

        Raises:
            Incomplete: this machine lacks what is needed for it; all that can be done without is done.
            ExportError: the graph can't be compiled.
        """

    def install(self, compiled: Compiled, folder: Path, workload: Workload) -> None:
        """Make a release's classifier: configuration, engine and, of what its backend needs, what is the engine's.

        Args:
            compiled: what `compile` gave.
            folder: model_repository/classifier of the release, which doesn't exist yet. The configuration's SCORES has
                dims [ -1 ]; the number of outputs is filled in afterwards.
            workload: what it is made for.
        """

    def tokenizer_settings(self, workload: Workload) -> dict[str, Any]:
        """What the served tokenizer has to know of the engine."""


def find_engine(target: str) -> Engine:
    """Import the engine of a target.

    Raises:
        ExportError: there is none.
    """
    if target not in ENGINES:
        raise ExportError(f"There is no target {target!r}; there is: {', '.join(ENGINES)}.")
    return cast(Engine, importlib.import_module(f"export.engines.{ENGINES[target]}"))
