"""The FP16 graph's answers on a processor, rounded as on a GPU.

ONNX Runtime has no FP16 kernels for x86 processors. It computes such a graph in float32 and drops the conversions
between neighbouring operators. So an FP16 graph on the CPU answers almost what the float32 graph does. Overflows don't
show, and differences come out too small (docs/explanation/gpu-plans.md).

The emulation is the same graph in float32. A pair of casts rounds every FP16 result to FP16. ONNX Runtime keeps these
casts because they change the number. Products are summed in float32, as tensor cores do.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MOVING = frozenset({"Concat", "Expand", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators that move numbers about and compute none: there is nothing to round behind them."""


def write_emulation(graph: Path, path: Path) -> None:
    """Write the float32 graph that rounds as the FP16 graph does.

    Args:
        graph: An ONNX file with FP16 tensors.
        path: The file to write.
    """
    model = onnx.load(str(graph))
    halves = _half_tensors(model)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(_widened(tensor))
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
            elif attribute.t.data_type == TensorProto.FLOAT16:
                attribute.t.CopyFrom(_widened(attribute.t))
        nodes.append(node)
        if node.op_type not in MOVING and node.output[0] in halves:
            nodes += _rounding(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]  # they tell the types from before
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _half_tensors(model: onnx.ModelProto) -> set[str]:
    """Names of the FP16 tensors that nodes give."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    return {
        value.name for value in inferred.graph.value_info if value.type.tensor_type.elem_type == TensorProto.FLOAT16
    }


def _widened(tensor: onnx.TensorProto) -> onnx.TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)


def _rounding(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Two casts behind a node, which gets another output in their favour."""
    name = node.output[0]
    node.output[0] = f"{name}:exact"
    return [
        helper.make_node("Cast", [f"{name}:exact"], [f"{name}:half"], f"{name}:narrow", to=TensorProto.FLOAT16),
        helper.make_node("Cast", [f"{name}:half"], [name], f"{name}:widen", to=TensorProto.FLOAT),
    ]
