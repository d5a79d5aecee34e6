"""Product texts to token ids, in one tokenization call for all requests of a batch: the first step before a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from tokenization import BadText, TextTokenizer, read_requests


class TritonPythonModel:
    """TEXT [B, 1] bytes → input_ids, attention_mask int64 [B, L], TRUNCATED bool [B, 1].

    L is the length of the request's longest row; where there are length buckets, the bucket that holds the longest row
    of all requests of the batch. They were waiting together, and having one length they can go on together: Triton
    joins neighbours in the classifier's queue only as long as their lengths are equal.
    """

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the tokenizer and uses it once, so that the first request finds it warm."""
        self._tokenizer = TextTokenizer(Path(__file__).parent)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers every request; one with a bad text is refused alone."""
        tensors = [pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy() for request in requests]
        texts, places = read_requests(tensors)
        if texts:
            tokens = self._tokenizer.encode(texts)
        responses = []
        for place in places:
            if isinstance(place, BadText):
                error = pb_utils.TritonError(str(place), pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=error))
                continue
            width = tokens.ids.shape[1] if self._tokenizer.has_buckets else int(tokens.lengths[place].max())
            ids, mask = tokens.batch(place, width)
            outputs = [
                pb_utils.Tensor("input_ids", np.ascontiguousarray(ids)),
                pb_utils.Tensor("attention_mask", mask),
                pb_utils.Tensor("TRUNCATED", tokens.truncated[place, None]),
            ]
            responses.append(pb_utils.InferenceResponse(outputs))
        return responses
