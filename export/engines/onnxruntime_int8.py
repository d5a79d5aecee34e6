"""TARGET=cpu: an INT8 graph for ONNX Runtime, which Triton's Python backend runs (model_repository/classifier)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.engine import Compiled, Workload
from export.engines.int8_graph import VARIANTS, build_int8
from export.held_out import Run, Scorer
from export.onnx_scorer import open_scorer
from export.parity import Limits
from export.served import copy_model, served_module
from settings import ExportSettings

MAX_MEAN_DIFFERENCE = 0.02
"""Mean over products of the largest difference of a probability.

On 2,000 real products (MiniLM-L6, 94 % right): `fast` 0.0085, `values` 0.0069, `blocks` 0.0035. With sums that
overflow, as on processors without VNNI, `fast` would have 0.0111; ONNX Runtime's dynamic quantization has 0.0195.
"""
MAX_CALIBRATION_LOSS = 0.01
"""Growth of the expected calibration error, of 1. There the categories' changed by -0.0034 to -0.0017, the tags' by
less than 0.0001: a stated probability of 90 % means as much as before."""
MAX_NEIGHBOUR_DIFFERENCE = 0.02
"""How far a probability moves with the texts beside it: 0.0000003 with a scale for each row; up to 0.01 with `blocks`
on processors with VNNI, whose kernels round otherwise for a single text; 0.18 to 0.28 with one scale for a batch."""


class OnnxRuntimeInt8:
    """The engine of TARGET=cpu; `export.engine.Engine` says what its members mean."""

    name = graph_name = "INT8 ONNX"
    file = "model.onnx"
    models: tuple[str, ...] = ()
    alternative: str | None = None
    packages: tuple[str, ...] = ("onnx", "onnxruntime")
    graph_code: tuple[str, ...] = ("export.engines.int8_graph",)
    code: tuple[str, ...] = ("export.engines.onnxruntime_int8",)

    def environment(self) -> dict[str, str]:
        """Nothing: the graph is the same wherever it is made."""
        return {}

    def variants(self, workload: Workload) -> tuple[str, ...]:
        """All of them."""
        return tuple(VARIANTS)

    def build(self, graph: Path, path: Path, variant: str, workload: Workload) -> None:
        """Makes the INT8 graph, which is the same for all workloads."""
        build_int8(graph, path, variant)

    def open_scorer(self, path: Path, threads: int) -> Scorer:
        """Opens a session as the served classifier does."""
        return open_scorer(path, threads)

    def runs(self, lengths: npt.NDArray[np.int64], workload: Workload) -> Iterator[Run]:
        """Rows sorted by length and cut under the token budget, as model_repository/classifier does."""
        plan_runs, batch = served_module("batching").plan_runs, workload.settings.serving.max_batch_size
        for start in range(0, len(lengths), batch):
            for rows in plan_runs(lengths[start : start + batch]):
                yield Run(start + rows, int(lengths[start + rows].max()))

    def width(self, length: int, workload: Workload) -> int:
        """The text's own length: nothing is padded that is computed alone."""
        return length

    def limits(self, settings: ExportSettings) -> Limits:
        """What INT8 must hold."""
        return Limits(
            min_equal_categories=settings.min_equal_categories_int8,
            max_f1_loss=settings.max_f1_loss_int8,
            max_mean_difference=MAX_MEAN_DIFFERENCE,
            max_calibration_loss=MAX_CALIBRATION_LOSS,
            max_neighbour_difference=MAX_NEIGHBOUR_DIFFERENCE,
        )

    def compile(self, graph: Path, folder: Path, workload: Workload, *, force: bool) -> Compiled:
        """The INT8 graph itself, which ONNX Runtime reads; the manifest gets opsets, operators and INT8 products."""
        model = onnx.load(str(graph))
        operators = Counter(node.op_type for node in model.graph.node)
        return Compiled(
            graph,
            {
                "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
                "operators": dict(operators.most_common()),
                "int8_products": operators["MatMulIntegerToFloat"] + operators["MatMulNBits"],
            },
        )

    def install(self, compiled: Compiled, folder: Path, workload: Workload) -> None:
        """Makes the classifier of the Python backend, with the graph beside its model.py."""
        copy_model("classifier", folder)
        shutil.copyfile(compiled.file, folder / "1" / self.file)

    def tokenizer_settings(self, workload: Workload) -> dict[str, Any]:
        """Nothing: the classifier takes any length."""
        return {}
