"""What a model says of some products beside what is true of them: what is kept of its probabilities, in any number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from catalog.heads import TAG, DecisionRule
from catalog.reliability import Tally
from catalog.taxonomy import Taxonomy
from training.data import Labels
from training.packed_flags import PackedFlags

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

AT_ONCE = 1024


@dataclass(frozen=True)
class Answers:
    """What a model says of N products, and what is true. Of the N · T probabilities of tags only counts are kept.

    Attributes:
        answered: index of the most probable category, int64 [N].
        confidence: its probability, float32 [N].
        tags_given: [N, T], by the rule that the server follows (catalog/heads.py).
        stated: the tags' probabilities, counted by their size.
        category: index of the true category, int64 [N].
        tags: sparse bool [N, T].
        languages: [N] of language codes.
    """

    answered: npt.NDArray[np.int64]
    confidence: Floats
    tags_given: PackedFlags
    stated: Tally
    category: npt.NDArray[np.int64]
    tags: csr_matrix
    languages: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.category)

    @property
    def right(self) -> Flags:
        """Whether the category is the true one, bool [N]."""
        right: Flags = self.answered == self.category
        return right

    def of(self, rows: Flags) -> Answers:
        """The same for some of the products, bool [N]."""
        return Answers(
            self.answered[rows],
            self.confidence[rows],
            self.tags_given.select(rows),
            self.stated.select(rows),
            self.category[rows],
            self.tags[rows],
            self.languages[rows],
        )


def answers_of(
    batches: Iterable[tuple[Rows, Floats]], thresholds: Floats, labels: Labels, taxonomy: Taxonomy
) -> Answers:
    """Decide what probabilities answer, and put it beside what is true.

    Args:
        batches: row numbers, int64 [B], and their probabilities [B, C + T]; each of the N rows is in one of them.
        thresholds: the probability from which a tag is given, [T].
        labels: what is true of the N products.
        taxonomy: names the labels.
    """
    rule = DecisionRule.of(taxonomy.data, dict(zip(taxonomy.tag_ids, thresholds.tolist(), strict=True)))
    return decide(batches, rule, labels)


def decide(batches: Iterable[tuple[Rows, Floats]], rule: DecisionRule, labels: Labels) -> Answers:
    """The same by a rule."""
    answered, confidence = np.zeros(len(labels), dtype=np.int64), np.zeros(len(labels), dtype=np.float32)
    stated, given = Tally.empty(len(labels)), PackedFlags.empty(*labels.tags.shape)
    for rows, probabilities in batches:
        decided = rule.decide(probabilities)
        answered[rows], confidence[rows] = decided.category, decided.confidence
        tags = probabilities[:, rule.layout.columns(TAG)]
        stated.put(rows, Tally.of(tags, labels.tags[rows].toarray()))
        given.put(rows, decided.tags)
    return Answers(answered, confidence, given, stated, labels.category, labels.tags, labels.languages)


def in_batches(probabilities: Floats) -> Iterator[tuple[Rows, Floats]]:
    """Yield the rows of probabilities [N, C + T], some at a time, as `answers_of` takes them."""
    for start in range(0, len(probabilities), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(probabilities)))
        yield rows, probabilities[start : start + AT_ONCE]
