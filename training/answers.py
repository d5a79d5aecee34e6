"""Puts what a model says of some products beside what is true of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from catalog.heads import CATEGORY, TAG, DecisionRule
from catalog.prepared import Example
from catalog.taxonomy import Taxonomy
from training.evaluation import Answers

Floats = npt.NDArray[np.float32]


def answers_of(probabilities: Floats, thresholds: Floats, examples: Sequence[Example], taxonomy: Taxonomy) -> Answers:
    """Put probabilities [N, C + T] and thresholds [T] beside what is true of the N examples."""
    rule = DecisionRule.of(taxonomy.data, dict(zip(taxonomy.tag_ids, thresholds.tolist(), strict=True)))
    targets = taxonomy.encode(examples)
    languages = np.array([example.lang for example in examples], dtype=np.str_)
    return Answers.from_probabilities(probabilities, rule, targets[CATEGORY], targets[TAG], languages)
