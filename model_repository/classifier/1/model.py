"""Token ids to probabilities with ONNX Runtime: the rows of all requests together, sorted by length.

Beside this file lies `model.onnx`: input_ids, attention_mask int64 [batch, length] → SCORES float32 [batch, C + T].
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from batching import plan_runs
from session import open_session

WARM_UP_LENGTHS = (8, 32, 96)
"""Tokens a row of the runs before the model is ready: the first runs take memory and are several times slower."""


class BadTokens(ValueError):
    """A request whose tensors don't fit together; the message says how, for its sender."""


class TritonPythonModel:
    """input_ids, attention_mask int64 [B, L] → SCORES float32 [B, C + T]; L may differ between requests."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the graph with the threads of the configuration and runs it before the first request does."""
        parameters = json.loads(args["model_config"])["parameters"]
        self._token_budget = int(parameters["token_budget"]["string_value"])
        self._session = open_session(Path(__file__).parent / "model.onnx", int(parameters["threads"]["string_value"]))
        for length in WARM_UP_LENGTHS:
            for rows in (1, max(1, self._token_budget // length)):
                ones = np.ones((rows, length), dtype=np.int64)
                self._run(ones, ones)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers every request; one the graph can't compute fails alone."""
        answers: list[Any] = [None] * len(requests)
        good: list[int] = []
        inputs = []
        for place, request in enumerate(requests):
            try:
                inputs.append(read_tokens(request))
                good.append(place)
            except BadTokens as error:
                answers[place] = error
        try:
            scores = self._score(inputs) if inputs else []
        except Exception:
            # The graph refuses the whole run where one row holds, for instance, an id it doesn't know.
            scores = [self._score_alone(one) for one in inputs]
        for place, score in zip(good, scores, strict=True):
            answers[place] = score
        return [respond(answer) for answer in answers]

    def _score(self, inputs: list[tuple[Any, Any]]) -> list[Any]:
        """Probabilities float32 [B, C + T] of each request, from its ids and mask [B, L]."""
        if len(inputs) == 1 and len(inputs[0][0]) == 1:
            return [self._run(*inputs[0])]  # one text: nothing to sort or to copy
        bounds = np.cumsum([0, *(len(ids) for ids, _ in inputs)])
        longest = max(ids.shape[1] for ids, _ in inputs)
        ids = np.zeros((bounds[-1], longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for start, stop, (own_ids, own_mask) in zip(bounds, bounds[1:], inputs, strict=False):
            ids[start:stop, : own_ids.shape[1]] = own_ids
            mask[start:stop, : own_mask.shape[1]] = own_mask
        lengths = np.where(mask.any(axis=1), longest - mask[:, ::-1].argmax(axis=1), 1)
        scores = None
        for rows in plan_runs(lengths, self._token_budget):
            width = int(lengths[rows[0]])
            answer = self._run(ids[rows, :width], mask[rows, :width])
            if scores is None:
                scores = np.empty((len(ids), answer.shape[1]), dtype=np.float32)
            scores[rows] = answer
        return [] if scores is None else [scores[start:stop] for start, stop in pairwise(bounds)]

    def _score_alone(self, one: tuple[Any, Any]) -> Any:
        try:
            return self._score([one])[0]
        except Exception as error:
            return BadTokens(f"the model can't compute these tokens: {' '.join(str(error).split())}")

    def _run(self, ids: Any, mask: Any) -> Any:
        return self._session.run(["SCORES"], {"input_ids": ids, "attention_mask": mask})[0]


def read_tokens(request: Any) -> tuple[Any, Any]:
    """Ids and mask of one request, int64 [B, L].

    Raises:
        BadTokens: the shapes differ, or there is no token.
    """
    ids = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
    mask = pb_utils.get_input_tensor_by_name(request, "attention_mask").as_numpy()
    if ids.shape != mask.shape:
        raise BadTokens(f"input_ids has shape {list(ids.shape)}, attention_mask {list(mask.shape)}; they must be equal")
    if not ids.size:
        raise BadTokens(f"input_ids has the shape {list(ids.shape)}, so it holds no token")
    return ids, mask


def respond(answer: Any) -> Any:
    """The response that carries the probabilities, or the error."""
    if isinstance(answer, BadTokens):
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(answer), pb_utils.TritonError.INVALID_ARG))
    return pb_utils.InferenceResponse([pb_utils.Tensor("SCORES", answer)])
