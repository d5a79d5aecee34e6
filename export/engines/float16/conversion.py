"""FP32 graph → FP16 graph, operator by operator.

LayerNormalization, Softmax with the mask before it, pooling, head, n-gram table and probabilities stay in FP32. Sums
over many numbers and exponentials need more than 11 bits of precision and a largest number of 65,504. They are a small
part of the work. The matrix products, nearly all of it, are in FP16. The types are in the graph itself, because
TensorRT 11 takes no other instruction (strongly typed networks).
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from export.signature import output_names

KEPT_OPERATORS = ("LayerNormalization", "Softmax", "Sigmoid")
"""Operators that stay in FP32 wherever they are."""


def kept_nodes(graph: onnx.GraphProto) -> set[str]:
    """Names of the other nodes that stay in FP32: the head, and the additions of the mask in front of a softmax.

    In FP16 a mask of -65,504 added to a score below -16 would be -infinity.

    Args:
        graph: The float32 graph.
    """
    producers = {output: node for node in graph.node for output in node.output}
    head: set[str] = set()
    waiting = output_names()
    while waiting:
        node = producers.get(waiting.pop())
        if node is None or node.op_type == "LayerNormalization" or node.name in head:
            continue  # an input of the graph, the end of the encoder, or known already
        head.add(node.name)
        waiting += node.input
    softmax_inputs = [producers[node.input[0]] for node in graph.node if node.op_type == "Softmax"]
    return head | {node.name for node in softmax_inputs if node.op_type == "Add"}


def convert_direct(graph: Path, path: Path) -> None:
    """Write the FP16 graph; inputs stay INT64, outputs stay FP32.

    Weights and activations beyond FP16's range are cut off at 65,504: see `ranges`.

    Args:
        graph: The float32 ONNX file.
        path: The file to write.
    """
    model = onnx.load(str(graph))
    converted = convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *KEPT_OPERATORS],
        node_block_list=sorted(kept_nodes(model.graph)),
    )
    # The converter appends its casts; ONNX wants each node behind those it depends on.
    OnnxModel.graph_topological_sort(converted.graph)
    onnx.checker.check_model(converted, full_check=True)
    onnx.save(converted, str(path))
