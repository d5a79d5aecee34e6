"""The checkpoint as an ONNX graph that answers probabilities, by way of optimum.

    input_ids, attention_mask  int64 [batch, length]  →  SCORES  float32 [batch, C + T]

The heads' activations are part of the graph, so every engine made from it answers probabilities. `signature` tells all
outputs. Segment ids aren't an input: a product is one segment, so they are zeros inside the graph.
"""

from __future__ import annotations

import functools
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from optimum.exporters.onnx import onnx_export_from_model
from optimum.exporters.onnx.model_configs import BertOnnxConfig
from optimum.exporters.onnx.model_patcher import ModelPatcher
from transformers import PreTrainedModel

from export import signature
from export.signature import INPUTS, OPSET, check_graph

TASK = "text-classification"


class OutputPatcher(ModelPatcher):  # type: ignore[misc]  # optimum has no types
    """Lets the model answer what is served while it is traced."""

    patched_forward: Any

    def __init__(self, config: Any, model: PreTrainedModel, model_kwargs: dict[str, Any] | None = None) -> None:
        super().__init__(config, model, model_kwargs)
        answer: Any = self.patched_forward
        facts = model.config.to_dict()

        @functools.wraps(answer)  # the exporter reads the order of the inputs from the signature
        def answer_outputs(*args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
            tensors = answer(*args, **kwargs)
            return {output.name: output.convert(tensors[output.source], facts) for output in signature.OUTPUTS}

        self.patched_forward = answer_outputs


class ProductTaggingOnnxConfig(BertOnnxConfig):  # type: ignore[misc]  # optimum has no types
    """Inputs and outputs of the served graph, with the names Triton's configurations use."""

    _MODEL_PATCHER = OutputPatcher

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        """Batch and length are free."""
        return {name: {0: "batch", 1: "length"} for name in INPUTS}

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        """One row a text."""
        return {name: {0: "batch"} for name in signature.output_names()}

    @property
    def torch_to_onnx_output_map(self) -> dict[str, str]:
        """What the outputs are called in the model."""
        return {output.source: output.name for output in signature.OUTPUTS}


def export_graph(model: PreTrainedModel, path: Path) -> None:
    """Write the model as one ONNX file in float32.

    Args:
        model: a BertForProductTagging; its weights are not changed.
        path: the file to write, in an existing folder.

    Raises:
        ExportError: the graph doesn't have the inputs, outputs or opset that serving needs.
    """
    config = ProductTaggingOnnxConfig(model.config, task=TASK)
    # In a folder of its own: optimum also leaves the model's configuration and tokenizer, which nobody reads here.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".optimum-") as folder, _quiet():
        onnx_export_from_model(
            model.eval(),
            folder,
            opset=OPSET,
            task=TASK,
            custom_onnx_configs={"model": config},
            do_validation=False,
        )
        (Path(folder) / "model.onnx").replace(path)
    check_graph(path, signature.output_widths(model.config.to_dict()))


@contextmanager
def _quiet() -> Iterator[None]:
    """The tracer warns of every Python branch and of its own age; what counts is compared by the parity gate."""
    loggers = [logging.getLogger(name) for name in ("optimum", "torch.onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
