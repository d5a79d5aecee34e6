"""Probabilities to names: the most probable category, and the tags over their thresholds.

Beside this file lies `labels.json`: {"categories": [id, …], "tags": [[id, threshold], …]}, in the probabilities' order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """SCORES float32 [B, C + T] → CATEGORY, CATEGORY_SCORE [B, 1], TAGS, TAG_SCORES [B, K], padded with "" and 0."""

    def initialize(self, args: dict[str, str]) -> None:
        labels = json.loads((Path(__file__).parent / "labels.json").read_text(encoding="utf-8"))
        self._categories = labels["categories"]
        self._tags = labels["tags"]

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        scores = pb_utils.get_input_tensor_by_name(request, "SCORES").as_numpy()
        categories, tags = scores[:, : len(self._categories)], scores[:, len(self._categories) :]
        best = categories.argmax(axis=1)
        given = [self._given(row) for row in tags]
        width = max(1, *map(len, given))
        names = np.full((len(scores), width), b"", dtype=object)
        values = np.zeros((len(scores), width), dtype=np.float32)
        for row, pairs in enumerate(given):
            for place, (score, name) in enumerate(pairs):
                names[row, place], values[row, place] = name.encode(), score
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("CATEGORY", np.array([[self._categories[i].encode()] for i in best], dtype=object)),
                pb_utils.Tensor("CATEGORY_SCORE", categories.max(axis=1, keepdims=True)),
                pb_utils.Tensor("TAGS", names),
                pb_utils.Tensor("TAG_SCORES", values),
            ]
        )

    def _given(self, scores: Any) -> list[tuple[float, str]]:
        """The tags of one row, the most probable first."""
        pairs = [
            (float(score), name)
            for score, (name, threshold) in zip(scores, self._tags, strict=True)
            if score >= threshold
        ]
        return sorted(pairs, reverse=True)
