"""FP32 graph → FP16 graph by AutoCast of NVIDIA's Model Optimizer, which looks at the numbers of real products.

It runs the float32 graph on them and leaves every node in FP32 that takes or gives a number beyond 512. So it is the
second route where the direct one loses too much: https://github.com/NVIDIA/Model-Optimizer, modelopt.onnx.autocast.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

from export.engines.float16.conversion import KEPT_OPERATORS, kept_nodes
from export.errors import ExportError
from export.held_out import TokenBatch
from export.signature import INPUTS

PACKAGE = "modelopt"


def is_installed() -> bool:
    """Whether the package is there; it comes with the extra `autocast`."""
    return importlib.util.find_spec(PACKAGE) is not None


def convert_autocast(graph: Path, path: Path, batches: Iterable[TokenBatch]) -> None:
    """Write the FP16 graph; inputs stay INT64, SCORES stays FP32.

    Args:
        graph: The float32 ONNX file.
        path: The file to write.
        batches: input_ids and attention_mask, int64 [B, L], of real products.

    Raises:
        ExportError: The package is not installed.
    """
    if not is_installed():
        raise ExportError(
            "NVIDIA's Model Optimizer is not installed, which export.tensorrt.precision=autocast needs. "
            'Install it: `pip install -c constraints.txt ".[autocast]"`.'
        )
    from modelopt.onnx.autocast import configure_logging, convert_to_mixed_precision

    configure_logging(logging.ERROR)  # it warns of every tiny weight, and at length of what it leaves in FP32
    kept = sorted(kept_nodes(onnx.load(str(graph)).graph))
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".autocast-") as folder:
        for number, batch in enumerate(batches):
            np.savez(Path(folder) / f"{number:04}.npz", **dict(zip(INPUTS, batch, strict=True)))
        converted = convert_to_mixed_precision(
            str(graph),
            nodes_to_exclude=[f"^{re.escape(name)}$" for name in kept],
            op_types_to_exclude=list(KEPT_OPERATORS),
            keep_io_types=True,
            op_types_to_include=["Gather"],  # token ids are beyond 512, but aren't computed with
            calibration_data=folder,
        )
    onnx.checker.check_model(converted, full_check=True)
    onnx.save(converted, str(path))
