"""Probabilities to the tensors that clients read: the names of the category and of the tags.

Beside this file lie

- `heads.py`, the very file by which training and export decide;
- `taxonomy.json`, ids in the order of the probabilities, and the categories a tag may go with;
- `thresholds.json`, {"tags": {id: threshold}}.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from heads import CATEGORY, TAG, DecisionRule

LABELS = ("CATEGORY", "CATEGORY_SCORE", "TAGS", "TAG_SCORES")
"""The tensors that are made of the probabilities."""


@dataclass(frozen=True)
class Labels:
    """The labels of N texts.

    Attributes:
        categories: Category ids, bytes [N, 1]; b"" for an abstention.
        category_scores: The best category's probability, float32 [N, 1].
        tags: Tag ids, best first, b"" behind them, bytes [N, K].
        tag_scores: Their probabilities, 0 behind them, float32 [N, K].
        counts: How many tags each text has, int64 [N].
    """

    categories: Any
    category_scores: Any
    tags: Any
    tag_scores: Any
    counts: Any

    def tensors(self, rows: slice) -> dict[str, Any]:
        """The answer to one request: its rows, as wide as the one with the most tags, and at least one."""
        width = max(1, int(self.counts[rows].max(initial=0)))
        tags, tag_scores = self.tags[rows, :width], np.ascontiguousarray(self.tag_scores[rows, :width])
        return dict(zip(LABELS, (self.categories[rows], self.category_scores[rows], tags, tag_scores), strict=True))


class Labeler:
    """Names, thresholds and rules of a folder, as arrays, so that a request needs no look-up.

    Args:
        folder: Where its files lie.
        abstain_below: A less probable category is answered as abstention.

    Attributes:
        width: C + T.

    Raises:
        ValueError: A tag has no threshold.
    """

    def __init__(self, folder: Path, abstain_below: float) -> None:
        taxonomy = json.loads((folder / "taxonomy.json").read_text(encoding="utf-8"))
        thresholds = json.loads((folder / "thresholds.json").read_text(encoding="utf-8"))["tags"]
        self._rule = DecisionRule.of(taxonomy, thresholds, abstain_below)
        layout = self._rule.layout
        self.width = layout.width
        self._tag_columns = layout.columns(TAG)
        # One name more than ids: "" stands for an abstention and for padding.
        self._categories = np.array([*(name.encode() for name in layout.labels[CATEGORY]), b""], dtype=object)
        self._tags = np.array([*(name.encode() for name in layout.labels[TAG]), b""], dtype=object)
        self.label(np.zeros((1, self.width), dtype=np.float32))

    def label(self, scores: Any) -> Labels:
        """Labels of probabilities float32 [N, C + T]."""
        category, confidence, given = self._rule.decide(scores)
        tag_scores = scores[:, self._tag_columns]
        counts = given.sum(axis=1)
        shown = max(1, int(counts.max(initial=0)))
        # Tags that are not given sort behind those that are; their places get the name "" and the score 0.
        order = np.argsort(np.where(given, -tag_scores, 1.0), axis=1, kind="stable")[:, :shown]
        behind = np.arange(order.shape[1]) >= counts[:, None]
        ordered = np.where(behind, np.float32(0), np.take_along_axis(tag_scores, order, axis=1))
        names = self._tags[np.where(behind, len(self._tags) - 1, order)]
        if not names.shape[1]:  # a taxonomy without tags
            names, ordered = np.full((len(scores), 1), b"", dtype=object), np.zeros((len(scores), 1), dtype=np.float32)
        return Labels(self._categories[category][:, None], confidence[:, None], names, ordered, counts)
