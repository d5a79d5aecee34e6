"""Runs the parity gate: the checkpoint, its float32 graph and its engine on the same held-out products."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.heads import DecisionRule
from export import signature
from export.checkpoint import Checkpoint
from export.engine import Engine, Workload
from export.held_out import Run, Scorer, Scores, length_runs, load_held_out, score
from export.onnx_scorer import open_scorer
from export.parity import Comparison, Limits, Quality, compare, format_table, measure
from export.signature import side_by_side

GRAPH_NAME = "FP32 ONNX"
GRAPH_LIMITS = Limits(max_difference=1e-4)
"""float32 sums in another order: seen are differences of 1e-6. A hundred times that is a fault."""
ALONE = 500
"""Products that are also computed one by one, to see whether an answer depends on its neighbours in a batch."""


@dataclass(frozen=True)
class Report:
    """What the gate found.

    Attributes:
        reference: how good the checkpoint is on these products.
        comparisons: each graph beside it: float32, then the engine's variants until one passed.
        sources: how many products come from which split.
    """

    reference: Quality
    comparisons: tuple[Comparison, ...]
    sources: dict[str, int]

    @property
    def passed(self) -> bool:
        """Whether a release may be made: of the float32 graph and the last variant of the engine."""
        return len(self.comparisons) > 1 and self.comparisons[0].passed and self.comparisons[-1].passed

    def table(self) -> str:
        """For people."""
        products = " and ".join(f"{count:,} {split}" for split, count in self.sources.items() if count)
        lines = [f"On {products} products:", format_table(self.reference, self.comparisons)]
        if self.passed and not all(comparison.passed for comparison in self.comparisons):
            lines.append(f"So {self.comparisons[-1].graph} is taken, which passed.")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "products": self.sources,
            "checkpoint": vars(self.reference),
            "graphs": [comparison.as_dict() for comparison in self.comparisons],
            "passed": self.passed,
        }


class ParityGate:
    """Compares graphs with the PyTorch checkpoint on the same held-out products.

    The graphs get their products batched as the server batches them. The checkpoint gets them in other batches, with
    other neighbours and other padding: neither may change an answer, so the comparison covers that too.

    Args:
        checkpoint: Its answers are what graphs must give.
        engine: Tells how the server batches.
        workload: Which products, and what the engine is made for.

    Raises:
        ExportError: The held-out products can't be used.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine, workload: Workload) -> None:
        settings = workload.settings
        self._engine, self._workload, self._settings = engine, workload, settings.export
        self._threads = len(os.sched_getaffinity(0))
        self._products = load_held_out(settings.build_dir / "catalog", checkpoint, settings.export.parity_products)
        self._rule = DecisionRule.of(checkpoint.taxonomy.data, checkpoint.thresholds)
        self._reference = score(self._products, checkpoint_scorer(checkpoint), length_runs(self._products))
        self._comparisons: list[Comparison] = []

    def check_graph(self, graph: Path) -> bool:
        """Compare the float32 graph; return whether it passed."""
        return self._check(GRAPH_NAME, open_scorer(graph, self._threads), GRAPH_LIMITS)

    def check_variant(self, variant: str, path: Path) -> bool:
        """Compare a graph that the engine built; return whether it passed."""
        several = len(self._engine.variants(self._workload)) > 1
        name = f"{self._engine.graph_name}, {variant}" if several else self._engine.graph_name
        return self._check(name, self._engine.open_scorer(path, self._threads), self._engine.limits(self._settings))

    def check_compiled(self, scorer: Scorer) -> bool:
        """Compare what the engine compiled; return whether it passed."""
        return self._check(self._engine.name, scorer, self._engine.limits(self._settings))

    def report(self) -> Report:
        """What was found so far."""
        reference = measure(self._reference, self._products, self._rule)
        return Report(reference, tuple(self._comparisons), self._products.sources)

    def _check(self, name: str, scorer: Scorer, limits: Limits) -> bool:
        products, engine, workload = self._products, self._engine, self._workload
        some = products.first(ALONE)
        widths = (engine.width(int(length), workload) for length in some.lengths)
        singles = (Run(np.array([row]), width) for row, width in enumerate(widths))
        alone = score(some, scorer, singles)  # before the others, as the first runs are slower
        started = time.process_time()
        scores = score(products, scorer, engine.runs(products.lengths, workload))
        seconds = time.process_time() - started
        found = compare(name, scores, alone, self._reference, products, self._rule, limits, seconds)
        self._comparisons.append(found)
        return found.passed


def checkpoint_scorer(checkpoint: Checkpoint) -> Scorer:
    """What the PyTorch model answers, converted as in the graph."""
    import torch  # takes seconds to import, which an up-to-date run can do without

    model = checkpoint.load_model()

    def run(input_ids: npt.NDArray[np.int64], attention_mask: npt.NDArray[np.int64]) -> Scores:
        with torch.inference_mode():
            answer = model(torch.from_numpy(input_ids), torch.from_numpy(attention_mask))
            return side_by_side(
                {
                    output.name: output.convert(answer[output.source].float(), checkpoint.config).numpy()
                    for output in signature.OUTPUTS
                }
            )

    return run
