"""Numbers that leave FP16's range: weights, and activations seen on real products, by the layer they come from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from export.engines.float16.conversion import KEPT_OPERATORS, kept_nodes
from export.held_out import TokenBatch
from export.signature import INPUTS

LARGEST = float(np.finfo(np.float16).max)
"""65,504."""
COMPUTING = frozenset({"Add", "Div", "Erf", "Gemm", "MatMul", "Mul", "ReduceSum", "Sub", "Tanh"})
"""Operators of a BERT whose results may be larger than what they are given."""


@dataclass(frozen=True)
class Peak:
    """The largest number of a layer.

    Attributes:
        layer: The node's name, or the weight's.
        value: The largest absolute value; infinite where the layer gave infinity or no number.
    """

    layer: str
    value: float

    @property
    def fits(self) -> bool:
        """Whether FP16 can hold it."""
        return self.value <= LARGEST


def weight_peaks(graph: Path) -> list[Peak]:
    """The largest number of every float32 weight, the largest first."""
    model = onnx.load(str(graph))
    peaks = [
        Peak(tensor.name, _peak(numpy_helper.to_array(tensor)))
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
    ]
    return sorted(peaks, key=lambda peak: -peak.value)


def activation_peaks(graph: Path, batches: Iterable[TokenBatch]) -> list[Peak]:
    """The largest number that each layer gives which FP16 is meant for, the largest first.

    Args:
        graph: The float32 ONNX file; it is run with all these results as outputs.
        batches: input_ids and attention_mask, int64 [B, L], of real products.
    """
    model = onnx.load(str(graph))
    kept = kept_nodes(model.graph)
    watched = {
        node.output[0]: node.name
        for node in model.graph.node
        if node.op_type in COMPUTING and node.op_type not in KEPT_OPERATORS and node.name not in kept
    }
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    tensors = [name for name in watched if types.get(name) == TensorProto.FLOAT]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    largest = dict.fromkeys(tensors, 0.0)
    for batch in batches:
        for name, values in zip(tensors, session.run(tensors, dict(zip(INPUTS, batch, strict=True))), strict=True):
            largest[name] = max(largest[name], _peak(values))
    return sorted((Peak(watched[name], value) for name, value in largest.items()), key=lambda peak: -peak.value)


def _peak(values: npt.NDArray[Any]) -> float:
    if not values.size:
        return 0.0
    peak = float(np.abs(values).max())
    return peak if np.isfinite(peak) else float("inf")
