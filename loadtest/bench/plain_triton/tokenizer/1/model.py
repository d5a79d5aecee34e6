"""Product texts to token ids, with the tokenizer that the checkpoint brings.

Beside this file lie `checkpoint`, the checkpoint's folder, and `settings.json` ({"max_length"}).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from transformers import AutoTokenizer


class TritonPythonModel:
    """TEXT [B, 1] bytes → input_ids, attention_mask int64 [B, L]; L is the longest of the request's rows."""

    def initialize(self, args: dict[str, str]) -> None:
        folder = Path(__file__).parent
        self._max_length = int(json.loads((folder / "settings.json").read_text(encoding="utf-8"))["max_length"])
        self._tokenizer = AutoTokenizer.from_pretrained(folder / "checkpoint")

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        rows = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()
        texts = [raw.decode("utf-8") for raw in rows[:, 0]]
        encoded = self._tokenizer(
            texts, padding="longest", truncation=True, max_length=self._max_length, return_tensors="np"
        )
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, encoded[name].astype(np.int64)) for name in ("input_ids", "attention_mask")]
        )
