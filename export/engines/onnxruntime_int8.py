"""TARGET=cpu: an INT8 graph for ONNX Runtime, which Triton's Python backend runs (model_repository/classifier)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx

from export.engines.block_quantization import quantize_blocks
from export.engines.row_quantization import quantize_rows
from export.errors import ExportError
from export.held_out import Scorer, Scores
from export.parity import Limits
from export.served import copy_model, served_module
from export.signature import INPUTS, OUTPUT
from settings import ExportSettings

NAME = "INT8 ONNX"
FILE = "model.onnx"
_VARIANTS: Mapping[str, Callable[[Path, Path], int]] = {
    # The values' projection is kept in float32: it is a twelfth of the work, and carries a third of the whole error.
    "fast": partial(quantize_rows, keep=lambda name: "/self/value/" in name),
    # For models that are less sure: a third of the work is kept, and the rest is finer. Half as slow again.
    "careful": partial(quantize_rows, keep=lambda name: "/attention/" in name, centred=True),
    # For models that are unsure of many products: nearest to float32, and hardly quicker, but a third smaller.
    "blocks": quantize_blocks,
}
"""Variant → what writes it; returns how many products are in INT8."""
VARIANTS = tuple(_VARIANTS)
PACKAGES = ("onnx", "onnxruntime")


def build(graph: Path, path: Path, variant: str) -> None:
    """Make the INT8 graph: the encoder's products of tokens and weights, not the head and not attention itself.

    Args:
        graph: the float32 ONNX graph.
        path: the file to write.
        variant: one of `VARIANTS`.

    Raises:
        ExportError: the graph has no product to quantize.
    """
    if not _VARIANTS[variant](graph, path):
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


def install(path: Path, folder: Path) -> None:
    """Make the classifier of the Python backend, with the graph beside its model.py.

    Args:
        path: the INT8 graph.
        folder: model_repository/classifier of the release.
    """
    copy_model("classifier", folder)
    shutil.copyfile(path, folder / "1" / FILE)


def limits(settings: ExportSettings) -> Limits:
    """What INT8 must hold."""
    return Limits(min_equal_categories=settings.min_equal_categories_int8, max_f1_loss=settings.max_f1_loss_int8)


def facts(path: Path) -> dict[str, Any]:
    """Opsets by domain, operators by name, and how many matrix products are in INT8."""
    model = onnx.load(str(path))
    operators = Counter(node.op_type for node in model.graph.node)
    return {
        "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "operators": dict(operators.most_common()),
        "int8_products": operators["MatMulIntegerToFloat"] + operators["MatMulNBits"],
    }
