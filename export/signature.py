"""What every graph takes and gives; the names are those of Triton's configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx

from export.errors import ExportError

INPUTS = ("input_ids", "attention_mask")
"""Token ids, and 1 for tokens, 0 for padding: int64 [batch, length]."""
OUTPUT = "SCORES"
"""C category probabilities, then T tag probabilities: float32 [batch, C + T]."""
OPSET = 18
"""The lowest opset optimum's BERT is made for; TensorRT needs 17 (LayerNormalization as one operator)."""


def check_graph(path: Path, width: int) -> None:
    """Check that a graph can be served.

    Args:
        path: an ONNX file.
        width: C + T.

    Raises:
        ExportError: an input or the output is missing, of another type or shape, or the opset is too old.
    """
    model = onnx.load(str(path), load_external_data=False)
    opset = {entry.domain: entry.version for entry in model.opset_import}.get("", 0)
    if opset < OPSET:
        raise ExportError(f"{path} has opset {opset}; serving needs {OPSET} or newer.")
    found = {**_signature(model.graph.input), **_signature(model.graph.output)}
    wanted: dict[str, tuple[int, tuple[str | int, ...]]] = dict.fromkeys(
        INPUTS, (onnx.TensorProto.INT64, ("batch", "length"))
    )
    wanted[OUTPUT] = (onnx.TensorProto.FLOAT, ("batch", width))
    if found != wanted:
        raise ExportError(
            f"{path} takes and gives {found}, not {wanted}: the model can't be exported with this version of optimum "
            "or torch; install those of constraints.txt (`make setup`)."
        )


def _signature(values: Any) -> dict[str, tuple[int, tuple[str | int, ...]]]:
    """Name → element type and dimensions; a free dimension by its name."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            tuple(dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim),
        )
        for value in values
    }
