"""INT8 matrix products whose result for a row depends on that row alone.

ONNX Runtime's dynamic quantization has one scale for a whole activation tensor. An outlier in one token makes all
others coarser. A text's probabilities change with the other texts of its batch, by up to 0.2 on real products. Here
every token vector x is brought to its own range first,

    r = max |x|        q = round(127 · x / r) + 128, uint8        y = r · (q − 128) · Wq · s / 127

with Wq the weights in int8 and s one scale for each of their columns. ONNX Runtime computes the product as one
operator (com.microsoft MatMulIntegerToFloat); the rest is cheap. It is as fast as dynamic quantization in batches,
several times nearer to float32, and needs no calibration data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

STEPS = 127
ZERO = 128
LEAST = 1e-30
"""In place of 0 as the largest value of a vector of zeros, which would divide it by 0."""
GELU_LEAST = 0.17
"""No value behind a GELU is below −0.17, so there the largest value tells the range, and no signs are taken off."""
CONTRIB = "com.microsoft"
GELUS = ("BiasGelu", "Gelu")


def quantize_rows(source: Path, target: Path, keep: Callable[[str], bool] = lambda name: False) -> int:
    """Rewrite the products of token vectors and constant weights in a float32 graph.

    Args:
        source: the float32 graph; its products are MatMul nodes with a constant second input [in, out].
        target: the file to write.
        keep: whether the node of a name stays in float32.

    Returns:
        How many products were rewritten.
    """
    model = onnx.load(str(source))
    graph = model.graph
    weights = {entry.name: entry for entry in graph.initializer}
    makers = {name: node.op_type for node in graph.node for name in node.output}
    nodes: list[NodeProto] = []
    added = list(_constants())
    replaced: set[str] = set()
    quantized_inputs: set[str] = set()
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights or keep(node.name):
            nodes.append(node)
            continue
        vectors, weight = node.input
        if vectors not in quantized_inputs:  # query, key and value share theirs
            positive = makers.get(vectors) in GELUS
            nodes.extend(_range(vectors, positive=positive))
            nodes.extend(_quantize_vectors(vectors))
            quantized_inputs.add(vectors)
        added.extend(_quantize_weight(node.output[0], numpy_helper.to_array(weights[weight])))
        nodes.extend(_product(vectors, node))
        replaced.add(weight)
    still_used = {name for node in nodes for name in node.input}
    kept = [entry for entry in graph.initializer if entry.name not in replaced or entry.name in still_used]
    del graph.initializer[:], graph.node[:]
    # ONNX Runtime warns of every initializer that no node uses.
    graph.initializer.extend([*kept, *(entry for entry in added if entry.name in still_used)])
    graph.node.extend(nodes)
    model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    onnx.save(model, str(target))
    return len(replaced)


def _constants() -> Iterator[TensorProto]:
    yield numpy_helper.from_array(np.array(1 / STEPS, dtype=np.float32), "row_step")
    yield numpy_helper.from_array(np.array(ZERO, dtype=np.uint8), "row_zero")
    yield numpy_helper.from_array(np.array(LEAST, dtype=np.float32), "row_least")
    yield numpy_helper.from_array(np.array(GELU_LEAST, dtype=np.float32), "row_gelu_least")
    yield numpy_helper.from_array(np.array([-1]), "row_axis")


def _range(vectors: str, *, positive: bool) -> Iterator[NodeProto]:
    """Vectors x → `x/range` float32 [batch, length, 1], the largest absolute value, or a little more behind a GELU."""
    values = vectors
    if not positive:
        values = f"{vectors}/abs"
        yield helper.make_node("Abs", [vectors], [values])
    yield helper.make_node("ReduceMax", [values, "row_axis"], [f"{vectors}/max"], keepdims=1)
    least = "row_gelu_least" if positive else "row_least"
    yield helper.make_node("Max", [f"{vectors}/max", least], [f"{vectors}/range"])


def _quantize_vectors(vectors: str) -> Iterator[NodeProto]:
    """Vectors x and `x/range` → `x/rows` uint8 [batch, length, in]."""
    # A quotient a vector and a product a number: quicker than a quotient a number.
    yield helper.make_node("Reciprocal", [f"{vectors}/range"], [f"{vectors}/fraction"])
    yield helper.make_node("Mul", [vectors, f"{vectors}/fraction"], [f"{vectors}/normed"])
    yield helper.make_node("QuantizeLinear", [f"{vectors}/normed", "row_step", "row_zero"], [f"{vectors}/rows"])


def _quantize_weight(name: str, weight: npt.NDArray[np.float32]) -> Iterator[TensorProto]:
    """W float32 [in, out] → int8 [in, out], for its columns a scale, float32 [out], and one zero point.

    Each product has its own: where ONNX Runtime turns weights to uint8 for a processor, it refuses shared ones.
    """
    scale = np.abs(weight).max(axis=0) / STEPS
    scale[scale == 0] = 1
    quantized = np.rint(weight / scale).clip(-STEPS, STEPS).astype(np.int8)
    yield numpy_helper.from_array(quantized, f"{name}/int8")
    yield numpy_helper.from_array(scale.astype(np.float32), f"{name}/scale")
    yield numpy_helper.from_array(np.array(0, dtype=np.int8), f"{name}/zero")


def _product(vectors: str, node: NodeProto) -> Iterator[NodeProto]:
    result = node.output[0]
    yield helper.make_node(
        "MatMulIntegerToFloat",
        [f"{vectors}/rows", f"{result}/int8", "row_step", f"{result}/scale", "row_zero", f"{result}/zero"],
        [f"{result}/normed"],
        name=node.name,
        domain=CONTRIB,
    )
    yield helper.make_node("Mul", [f"{result}/normed", f"{vectors}/range"], [result])
