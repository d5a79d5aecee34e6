"""Texts to probabilities and labels in one process: cleaning, tokenizer, ONNX Runtime, thresholds.

Each step in a model of its own would cost every request two more passages between processes, a seventh of all the
server computes. Beside this file lie `model.onnx` (input_ids, attention_mask int64 [batch, length] → SCORES float32
[batch, C + T], and any other output), and the code and files of the tokenizer and the labeler.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from batching import TOKEN_BUDGET, plan_runs
from heads import SCORES
from labeling import LABELS, Labeler
from session import open_session
from tokenization import BadText, TextTokenizer, Tokens, read_requests

WARM_UP_LENGTHS = (8, 32, 96)
"""Tokens a row of the runs before the model is ready: the first runs take memory and are several times slower."""


class TritonPythonModel:
    """TEXT [B, 1] bytes → the graph's outputs, TRUNCATED bool [B, 1], and the labels.

    The graph's outputs are SCORES float32 [B, C + T] and any other, float32 [B, width]. The labels are CATEGORY bytes,
    CATEGORY_SCORE float32 [B, 1], TAGS bytes, TAG_SCORES float32 [B, K]; K differs by request. Labels are made only for
    requests that ask for them.
    """

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the graph with the threads of the configuration and runs it before the first request does."""
        folder = Path(__file__).parent
        parameters = json.loads(args["model_config"])["parameters"]
        self._tokenizer = TextTokenizer(folder)
        self._labeler = Labeler(folder, float(parameters["abstain_below"]["string_value"]))
        self._session = open_session(folder / "model.onnx", int(parameters["threads"]["string_value"]))
        self._names = [output.name for output in self._session.get_outputs()]
        for length in WARM_UP_LENGTHS:
            for rows in (1, max(1, TOKEN_BUDGET // length)):
                ones = np.ones((rows, length), dtype=np.int64)
                self._run(ones, ones)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers every request; one with a bad text is refused alone."""
        tensors = [pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy() for request in requests]
        texts, places = read_requests(tensors)
        if texts:
            tokens = self._tokenizer.encode(texts)
            answers = dict(zip(self._names, self._compute(tokens), strict=True))
            wanted = [frozenset(request.requested_output_names()) for request in requests]
            labels = (
                self._labeler.label(answers[SCORES]) if any(names.intersection(LABELS) for names in wanted) else None
            )
        responses = []
        for number, place in enumerate(places):
            if isinstance(place, BadText):
                error = pb_utils.TritonError(str(place), pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=error))
                continue
            outputs = labels.tensors(place) if labels is not None and wanted[number].intersection(LABELS) else {}
            outputs["TRUNCATED"] = tokens.truncated[place, None]
            outputs.update((name, answer[place]) for name, answer in answers.items())
            chosen = [pb_utils.Tensor(name, value) for name, value in outputs.items() if name in wanted[number]]
            responses.append(pb_utils.InferenceResponse(chosen))
        return responses

    def _compute(self, tokens: Tokens) -> list[Any]:
        """The graph's outputs for all texts, float32 [N, width] each; texts are sorted by length into runs."""
        if len(tokens.ids) == 1:
            return self._run(*tokens.batch(slice(0, 1), tokens.ids.shape[1]))  # nothing to sort or to copy
        answers: list[Any] = []
        for rows in plan_runs(tokens.lengths):
            found = self._run(*tokens.batch(rows, int(tokens.lengths[rows[0]])))
            if not answers:
                answers = [np.empty((len(tokens.ids), one.shape[1]), dtype=np.float32) for one in found]
            for answer, one in zip(answers, found, strict=True):
                answer[rows] = one
        return answers

    def _run(self, ids: Any, mask: Any) -> list[Any]:
        answers: list[Any] = self._session.run(self._names, {"input_ids": ids, "attention_mask": mask})
        return answers
