"""The INT8 graph: the encoder's products of tokens and weights in INT8; the head and the fused attention in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from export.engines.attention_fusion import fuse_attention
from export.engines.block_quantization import quantize_blocks
from export.engines.row_quantization import quantize_rows
from export.errors import ExportError

VARIANTS: Mapping[str, Callable[[Path, Path], int]] = {
    "fast": quantize_rows,
    # The values' projection is kept in float32: it is a twelfth of the work, and carries a third of the whole error.
    "values": partial(quantize_rows, keep=lambda name: "/self/value/" in name),
    # For models that are unsure of many products: nearest to float32, and hardly quicker, but a third smaller.
    "blocks": quantize_blocks,
}
"""Variant → what writes it, the quickest first; returns how many products are in INT8."""


def build_int8(graph: Path, path: Path, variant: str) -> None:
    """Writes an INT8 graph.

    Args:
        graph: The float32 ONNX graph of a BERT.
        path: The file to write.
        variant: One of `VARIANTS`.

    Raises:
        ExportError: The graph has no product to quantize.
    """
    # Beside the result, whose folder appears as a whole.
    fused = path.with_name("fused.onnx")
    fuse_attention(graph, fused)
    products = VARIANTS[variant](fused, path)
    fused.unlink()
    if not products:
        raise ExportError(f"{graph} has no matrix product with constant weights; it is not the graph of a BERT.")
