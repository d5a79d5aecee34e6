"""INT8 weights with a scale for every 32 of a column: ONNX Runtime's MatMulNBits.

One scale a column, however the activations are treated, moves the category of one product in a hundred where a model is
unsure of most. Blocks hold each outlier to its own 32 weights.
"""

from __future__ import annotations

import logging
from pathlib import Path

import onnx
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

BLOCK_SIZE = 32
ACTIVATIONS_IN_INT8 = 4
"""The operator's `accuracy_level`: activations get a scale a block as well, and the products are those of integers."""


def quantize_blocks(source: Path, target: Path) -> int:
    """Rewrite the products of token vectors and constant weights in a float32 graph.

    Args:
        source: the float32 graph.
        target: the file to write.

    Returns:
        How many products were rewritten.
    """
    logging.getLogger("onnxruntime.quantization").setLevel(logging.WARNING)  # it tells of every node
    quantizer = MatMulNBitsQuantizer(
        onnx.load(str(source)),
        bits=8,
        block_size=BLOCK_SIZE,
        is_symmetric=True,
        accuracy_level=ACTIVATIONS_IN_INT8,
    )
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))
    return sum(node.op_type == "MatMulNBits" for node in quantizer.model.graph().node)
