"""Attention as one operator, in place of the twelve or so small ones that it is exported as.

ONNX Runtime has it as com.microsoft MultiHeadAttention: it takes the projections of queries, keys and values with their
biases, and scales, masks, weighs and puts together in one pass. The weights' products stay nodes of their own, so that
they can be quantized. Adding and normalising stay apart as well: ONNX Runtime's one operator for both
(SkipLayerNormalization) takes several times as long on processors as the two it replaces.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FUSED = "MultiHeadAttention"


def fuse_attention(source: Path, target: Path) -> int:
    """Write a graph with the attention of each layer fused.

    Args:
        source: the float32 graph of a BERT.
        target: the file to write; where nothing can be fused, the same graph.

    Returns:
        How many layers' attention was fused.
    """
    # Here, because it takes a second to import.
    from onnxruntime.transformers.fusion_options import AttentionMaskFormat, FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("bert")
    options.use_multi_head_attention = True
    # The mask itself, not the number of tokens that it leaves: any mask then means what it does in the checkpoint.
    options.attention_mask_format = AttentionMaskFormat.AttentionMask
    options.enable_embed_layer_norm = False
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    with _quiet():
        # 0: heads and width are read from the graph. Level 0: ONNX Runtime makes its own changes where it runs.
        model = optimize_model(
            str(source), "bert", num_heads=0, hidden_size=0, optimization_options=options, opt_level=0
        )
        model.save_model_to_file(str(target))
    return sum(node.op_type == FUSED for node in model.model.graph.node)


@contextmanager
def _quiet() -> Iterator[None]:
    """The optimizer logs each of its steps, to loggers of many names."""
    former = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(former)
