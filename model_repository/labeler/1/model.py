"""Probabilities to category and tags: thresholds, taxonomy rules, abstention.

Beside this file lie `taxonomy.json` (ids in the order of the probabilities, and the categories a tag may go with) and
`thresholds.json` ({"tags": {id: threshold}}).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """SCORES float32 [B, C + T] → CATEGORY, CATEGORY_SCORE [B, 1], TAGS, TAG_SCORES [B, K]; K differs by request."""

    def initialize(self, args: dict[str, str]) -> None:
        """Turns names, thresholds and rules into arrays, so that a request needs no look-up."""
        folder = Path(__file__).parent
        taxonomy = json.loads((folder / "taxonomy.json").read_text(encoding="utf-8"))
        thresholds = json.loads((folder / "thresholds.json").read_text(encoding="utf-8"))["tags"]
        categories = [category["id"] for category in taxonomy["categories"]]
        tags = [tag["id"] for tag in taxonomy["tags"]]
        missing = [tag for tag in tags if tag not in thresholds]
        if missing:
            raise ValueError(f"thresholds.json has no threshold for the tag {missing[0]!r}, which is in taxonomy.json")
        self._count = len(categories)
        # One name more than ids: "" stands for an abstention and for padding.
        self._categories = np.array([*(name.encode() for name in categories), b""], dtype=object)
        self._tags = np.array([*(name.encode() for name in tags), b""], dtype=object)
        self._thresholds = np.array([thresholds[tag] for tag in tags], dtype=np.float32)
        # allowed[category, tag]; the last row, for an abstention, allows all: no rule applies without a category.
        self._allowed = np.ones((self._count + 1, len(tags)), dtype=bool)
        for column, tag in enumerate(taxonomy["tags"]):
            if tag.get("categories"):
                self._allowed[:-1, column] = [name in tag["categories"] for name in categories]
        parameters = json.loads(args["model_config"])["parameters"]
        self._abstain_below = float(parameters["abstain_below"]["string_value"])
        self._label(np.zeros((1, self._count + len(tags)), dtype=np.float32))

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answers all requests from one pass over their rows."""
        width = self._count + len(self._thresholds)
        scores = [pb_utils.get_input_tensor_by_name(request, "SCORES").as_numpy() for request in requests]
        fitting = [one for one in scores if one.shape[1] == width]
        if fitting:
            labels = self._label(fitting[0] if len(fitting) == 1 else np.concatenate(fitting))
        responses = []
        start = 0
        for one in scores:
            if one.shape[1] != width:
                sentence = f"SCORES has {one.shape[1]} columns; the taxonomy has {width} categories and tags"
                error = pb_utils.TritonError(sentence, pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=error))
                continue
            responses.append(self._respond(slice(start, start + len(one)), *labels))
            start += len(one)
        return responses

    def _label(self, scores: Any) -> tuple[Any, ...]:
        """Category indices and scores [N], tag indices and scores [N, T] best first, and the number of tags [N]."""
        best = scores[:, : self._count].argmax(axis=1)
        best_scores = scores[np.arange(len(scores)), best]
        category = np.where(best_scores < self._abstain_below, self._count, best)
        tag_scores = scores[:, self._count :]
        given = (tag_scores >= self._thresholds) & self._allowed[category]
        counts = given.sum(axis=1)
        shown = max(1, int(counts.max(initial=0)))
        # Tags that are not given sort behind those that are; their places get the name "" and the score 0.
        order = np.argsort(np.where(given, -tag_scores, 1.0), axis=1, kind="stable")[:, :shown]
        behind = np.arange(order.shape[1]) >= counts[:, None]
        ordered = np.where(behind, np.float32(0), np.take_along_axis(tag_scores, order, axis=1))
        names = self._tags[np.where(behind, len(self._thresholds), order)]
        if not names.shape[1]:  # a taxonomy without tags
            names, ordered = np.full((len(scores), 1), b"", dtype=object), np.zeros((len(scores), 1), dtype=np.float32)
        return self._categories[category][:, None], best_scores[:, None], names, ordered, counts

    @staticmethod
    def _respond(rows: slice, categories: Any, category_scores: Any, tags: Any, tag_scores: Any, counts: Any) -> Any:
        width = max(1, int(counts[rows].max(initial=0)))
        return pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("CATEGORY", categories[rows]),
                pb_utils.Tensor("CATEGORY_SCORE", category_scores[rows]),
                pb_utils.Tensor("TAGS", tags[rows, :width]),
                pb_utils.Tensor("TAG_SCORES", np.ascontiguousarray(tag_scores[rows, :width])),
            ]
        )
