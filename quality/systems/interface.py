"""What a system gives back when it has learnt and answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from catalog.prepared import Example
from catalog.taxonomy import Taxonomy
from quality.cells import Cell, Products
from training.answers import Answers, answers_of, in_batches
from training.data import encode_labels

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answered:
    """What a system said.

    Attributes:
        validation: of the validation products, on which a confidence is chosen; may be empty.
        test: of the test products.
        seconds: what learning took by the clock, choosing a setting included.
        setting: what it chose, and what else is worth telling; values that JSON can hold.
        halves: name of a part of the system → its figures on the test products.
    """

    validation: Answers
    test: Answers
    seconds: float
    setting: Mapping[str, Any] = field(default_factory=dict)
    halves: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class Run(Protocol):
    """The function `run` of a system's module."""

    def __call__(self, cell: Cell, products: Products) -> Answered:
        """Learn from the cell's training products and answer the others."""


def answers_from(probabilities: Floats, thresholds: Floats, examples: Sequence[Example], taxonomy: Taxonomy) -> Answers:
    """Decide by the product's own rule what probabilities answer.

    Args:
        probabilities: of every label for N products, [N, C + T].
        thresholds: the probability from which each tag is given, [T].
        examples: the N products.
        taxonomy: names the labels.
    """
    return answers_of(in_batches(probabilities), thresholds, encode_labels(examples, taxonomy), taxonomy)
