"""Probabilities to category and tags: the last step behind a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from heads import SCORES
from labeling import Labeler


class TritonPythonModel:
    """SCORES float32 [B, C + T] → CATEGORY, CATEGORY_SCORE [B, 1], TAGS, TAG_SCORES [B, K]; K differs by request."""

    def initialize(self, args: dict[str, str]) -> None:
        """Reads names, thresholds and rules."""
        parameters = json.loads(args["model_config"])["parameters"]
        self._labeler = Labeler(Path(__file__).parent, float(parameters["abstain_below"]["string_value"]))

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers all requests from one pass over their rows."""
        width = self._labeler.width
        scores = [pb_utils.get_input_tensor_by_name(request, SCORES).as_numpy() for request in requests]
        fitting = [one for one in scores if one.shape[1] == width]
        if fitting:
            labels = self._labeler.label(fitting[0] if len(fitting) == 1 else np.concatenate(fitting))
        responses = []
        start = 0
        for one in scores:
            if one.shape[1] != width:
                sentence = f"{SCORES} has {one.shape[1]} columns; the taxonomy has {width} categories and tags"
                error = pb_utils.TritonError(sentence, pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=error))
                continue
            tensors = labels.tensors(slice(start, start + len(one)))
            responses.append(
                pb_utils.InferenceResponse([pb_utils.Tensor(name, value) for name, value in tensors.items()])
            )
            start += len(one)
        return responses
