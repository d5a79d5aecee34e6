"""Token ids to probabilities: the FP32 graph in ONNX Runtime, with its own choice of threads.

Beside this file lies `model.onnx`: input_ids, attention_mask int64 [batch, length] → SCORES float32 [batch, C + T].
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """input_ids, attention_mask int64 [B, L] → SCORES float32 [B, C + T]."""

    def initialize(self, args: dict[str, str]) -> None:
        graph = Path(__file__).parent / "model.onnx"
        self._session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        feeds = {
            name: pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            for name in ("input_ids", "attention_mask")
        }
        (scores,) = self._session.run(["SCORES"], feeds)
        return pb_utils.InferenceResponse([pb_utils.Tensor("SCORES", scores)])
