"""What an engine is: how the float32 graph becomes what Triton runs.

To add one, write a class that has what `Engine` asks for, and name it in export/targets.py; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from export.held_out import HeldOut, Run, Scorer
from export.parity import Limits
from settings import ExportSettings, Settings


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
    """One way to compute the classifier."""

    name: str
    """What tables and the manifest call what is served."""
    graph_name: str
    """What they call the graph that `build` writes."""
    file: str
    """What the served file is called in the classifier's version folder."""
    models: tuple[str, ...]
    """Models of model_repository/ that a release has beside the classifier and the ensembles. Of the tokenizer and the
    labeler, those that are not here are part of the classifier: it cleans, tokenizes or labels by itself."""
    alternative: str | None
    """Which of the ensembles' configurations goes with it (a file of their folder `configs`); None: their usual one."""
    packages: tuple[str, ...]
    """Distributions whose versions decide how the engine comes out; the manifest has them."""
    graph_code: tuple[str, ...]
    """Modules that decide how `build` comes out; where their code changes, the graph is made again."""
    code: tuple[str, ...]
    """Modules that decide how the rest comes out; where their code changes, the release is made again."""

    def environment(self) -> dict[str, str]:
        """What else of this machine decides how the engine comes out; the release is made again where it changes."""
        ...

    def variants(self, workload: Workload) -> tuple[str, ...]:
        """Ways to build the graph, the quickest engine first; the first that passes the parity gate is taken."""
        ...

    def build(self, graph: Path, path: Path, variant: str, workload: Workload) -> None:
        """Makes the graph in the engine's precision.

        Args:
            graph: The float32 ONNX graph.
            path: The ONNX file to write.
            variant: One of `variants`.
            workload: What it is made for.

        Raises:
            ExportError: The graph can't be turned into it.
        """
        ...

    def open_scorer(self, path: Path, threads: int) -> Scorer:
        """Computes on this machine's processors what the built graph answers when it is served.

        Args:
            path: What `build` wrote.
            threads: Cores one run may use.
        """
        ...

    def runs(self, lengths: npt.NDArray[np.int64], workload: Workload) -> Iterator[Run]:
        """The runs that the server makes when requests of one text fill its batches in this order.

        Args:
            lengths: Tokens of each text, int64 [N].
            workload: What the engine is made for.
        """
        ...

    def width(self, length: int, workload: Workload) -> int:
        """Tokens to which a text is padded that is computed alone."""
        ...

    def limits(self, settings: ExportSettings) -> Limits:
        """What must be held against the PyTorch checkpoint."""
        ...

    def compile(self, graph: Path, folder: Path, workload: Workload, *, force: bool) -> Compiled:
        """Makes what Triton's backend loads.

        Args:
            graph: What `build` wrote, and what has passed the gate.
            folder: Where the engine keeps what it makes; what lies there made from the same things is taken.
            workload: What it is made for.
            force: Make it again although it is there.

        Raises:
            Incomplete: This machine lacks what is needed for it; all that can be done without is done.
            ExportError: The graph can't be compiled.
        """
        ...

    def install(self, compiled: Compiled, folder: Path, workload: Workload) -> None:
        """Makes a release's classifier: configuration, engine and, of what its backend needs, what is the engine's.

        Args:
            compiled: What `compile` gave.
            folder: model_repository/classifier of the release, which doesn't exist yet. The configuration's SCORES has
                dims [ -1 ]; the number of outputs is filled in afterwards.
            workload: What it is made for.
        """
        ...

    def tokenizer_settings(self, workload: Workload) -> dict[str, Any]:
        """What the served tokenizer has to know of the engine."""
        ...
