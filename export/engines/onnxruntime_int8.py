"""TARGET=cpu: an INT8 graph for ONNX Runtime, which Triton's Python backend runs (model_repository/classifier)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from export.engines import Compiled, Workload
from export.engines.attention_fusion import fuse_attention
from export.engines.block_quantization import quantize_blocks
from export.engines.row_quantization import quantize_rows
from export.errors import ExportError
from export.held_out import Run, Scorer, Scores
from export.parity import Limits
from export.served import copy_model, served_module
from export.signature import INPUTS, OUTPUT
from settings import ExportSettings

NAME = GRAPH_NAME = "INT8 ONNX"
FILE = "model.onnx"
TAKES_TEXT = True
_VARIANTS: Mapping[str, Callable[[Path, Path], int]] = {
    "fast": quantize_rows,
    # The values' projection is kept in float32: it is a twelfth of the work, and carries a third of the whole error.
    "values": partial(quantize_rows, keep=lambda name: "/self/value/" in name),
    # For models that are less sure: a third of the work is kept, and the rest is finer. Half as slow again.
    "careful": partial(quantize_rows, keep=lambda name: "/attention/" in name, centred=True),
    # For models that are unsure of many products: nearest to float32, and hardly quicker, but a third smaller.
    "blocks": quantize_blocks,
}
"""Variant → what writes it; returns how many products are in INT8."""
VARIANTS = tuple(_VARIANTS)
PACKAGES = ("onnx", "onnxruntime")


def environment() -> dict[str, str]:
    """Nothing: the graph is the same wherever it is made."""
    return {}


def variants(workload: Workload) -> tuple[str, ...]:
    """All of `VARIANTS`."""
    return VARIANTS


def build(graph: Path, path: Path, variant: str, workload: Workload) -> None:
    """Make the INT8 graph: the encoder's products of tokens and weights, not the head; attention is fused, in float32.

    Args:
        graph: the float32 ONNX graph.
        path: the file to write.
        variant: one of `VARIANTS`.
        workload: what it is made for; the graph is the same for all.

    Raises:
        ExportError: the graph has no product to quantize.
    """
    # Beside the result, whose folder appears as a whole.
    fused = path.with_name("fused.onnx")
    fuse_attention(graph, fused)
    products = _VARIANTS[variant](fused, path)
    fused.unlink()
    if not products:
        raise ExportError(f"{graph} has no matrix product with constant weights; it is not the graph of a BERT.")


def open_scorer(path: Path, threads: int) -> Scorer:
    """Open a session as the served classifier does.

    Args:
        path: an ONNX file with the served inputs and output.
        threads: cores one run may use.
    """
    session = served_module("session").open_session(path, threads)

    def run(input_ids: npt.NDArray[Any], attention_mask: npt.NDArray[Any]) -> Scores:
        answer: Scores = session.run([OUTPUT], dict(zip(INPUTS, (input_ids, attention_mask), strict=True)))[0]
        return answer

    return run


def runs(lengths: npt.NDArray[np.int64], workload: Workload) -> Iterator[Run]:
    """Rows sorted by length and cut under the token budget, as model_repository/classifier does."""
    plan_runs, batch = served_module("batching").plan_runs, workload.settings.serving.max_batch_size
    for start in range(0, len(lengths), batch):
        for rows in plan_runs(lengths[start : start + batch]):
            yield Run(start + rows, int(lengths[start + rows].max()))


def width(length: int, workload: Workload) -> int:
    """The text's own length: nothing is padded that is computed alone."""
    return length


def limits(settings: ExportSettings) -> Limits:
    """What INT8 must hold."""
    return Limits(min_equal_categories=settings.min_equal_categories_int8, max_f1_loss=settings.max_f1_loss_int8)


def compile(graph: Path, folder: Path, workload: Workload, force: bool) -> Compiled:
    """The INT8 graph itself, which ONNX Runtime reads; the manifest gets its opsets, operators and INT8 products."""
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


def install(compiled: Compiled, folder: Path, workload: Workload) -> None:
    """Make the classifier of the Python backend, with the graph beside its model.py.

    Args:
        compiled: the INT8 graph.
        folder: model_repository/classifier of the release.
        workload: what it is made for.
    """
    copy_model("classifier", folder)
    shutil.copyfile(compiled.file, folder / "1" / FILE)


def tokenizer_settings(workload: Workload) -> dict[str, Any]:
    """Nothing: the classifier takes any length."""
    return {}
