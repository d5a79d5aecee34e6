"""Which engine a target has."""

from __future__ import annotations

from collections.abc import Mapping

from export.engine import Engine
from export.engines.onnxruntime_int8 import OnnxRuntimeInt8
from export.engines.tensorrt import TensorRTPlan
from export.errors import ExportError

ENGINES: Mapping[str, Engine] = {"cpu": OnnxRuntimeInt8(), "gpu": TensorRTPlan()}


def find_engine(target: str) -> Engine:
    """The engine of a target.

    Raises:
        ExportError: There is none.
    """
    if target not in ENGINES:
        raise ExportError(f"There is no target {target!r}; there is: {', '.join(ENGINES)}.")
    return ENGINES[target]
