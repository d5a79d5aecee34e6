"""What every graph takes and gives; the names are those of Triton's configurations.

Another output is a further entry of `OUTPUTS`. The exported graph, its check, the engines, the parity gate and the
configurations of a release follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx

from catalog.heads import SCORES, Layout
from export.errors import ExportError

if TYPE_CHECKING:
    import torch

INPUTS = ("input_ids", "attention_mask")
"""Token ids, and 1 for tokens, 0 for padding: int64 [batch, length]."""
OPSET = 18
"""The lowest opset optimum's BERT is made for; TensorRT needs 17 (LayerNormalization as one operator)."""


@dataclass(frozen=True)
class Output:
    """A tensor that every graph gives: float32 [batch, width].

    Attributes:
        name: In the graph, in Triton's configurations and for clients.
        source: The model's own name of what it is made of.
        convert: Makes it of that; its second argument is what the model's config.json holds.
        width: Its width, from what the model's config.json holds.
    """

    name: str
    source: str
    convert: Callable[[torch.Tensor, Mapping[str, Any]], torch.Tensor]
    width: Callable[[Mapping[str, Any]], int]


def layout_of(config: Mapping[str, Any]) -> Layout:
    """The columns of a model's logits, from what its config.json holds.

    Raises:
        ValueError: The names in `id2label` are not those of labels.
    """
    names = {int(number): name for number, name in config["id2label"].items()}
    return Layout.of_names(names[number] for number in sorted(names))


OUTPUTS = (
    Output(
        name=SCORES,
        source="logits",
        convert=lambda logits, config: layout_of(config).probabilities(logits),
        width=lambda config: layout_of(config).width,
    ),
)
"""All outputs, `SCORES` first."""


def output_names() -> list[str]:
    """Names of all outputs, in their order."""
    return [output.name for output in OUTPUTS]


def output_widths(config: Mapping[str, Any]) -> dict[str, int]:
    """Width of each output by its name, from what a model's config.json holds."""
    return {output.name: output.width(config) for output in OUTPUTS}


def side_by_side(answers: Mapping[str, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """All outputs in one array, float32 [batch, columns]: those of `SCORES`, then those of the others."""
    first, *others = (answers[name] for name in output_names())
    return np.concatenate([first, *others], axis=1) if others else first


def check_graph(path: Path, widths: Mapping[str, int]) -> None:
    """Check that a graph can be served.

    Args:
        path: an ONNX file.
        widths: `output_widths` of its model.

    Raises:
        ExportError: an input or an output is missing, of another type or shape, or the opset is too old.
    """
    model = onnx.load(str(path), load_external_data=False)
    opset = {entry.domain: entry.version for entry in model.opset_import}.get("", 0)
    if opset < OPSET:
        raise ExportError(f"{path} has opset {opset}; serving needs {OPSET} or newer.")
    found = {**_signature(model.graph.input), **_signature(model.graph.output)}
    wanted: dict[str, tuple[int, tuple[str | int, ...]]] = {
        **dict.fromkeys(INPUTS, (onnx.TensorProto.INT64, ("batch", "length"))),
        **{name: (onnx.TensorProto.FLOAT, ("batch", width)) for name, width in widths.items()},
    }
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
