"""The figures of a model on labelled products: F1, precision and coverage, calibration, by language and by label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from catalog.reliability import expected_calibration_error
from catalog.taxonomy import Taxonomy
from training.answers import Answers
from training.spoken import OTHER, join_rare

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

PRECISIONS = (0.90, 0.95, 0.98, 0.99)
"""Shares of right answers for which the coverage is told."""
MOST_CATEGORIES = 100
"""A confusion matrix of more can neither be drawn nor read."""
MOST_CONFUSIONS = 30


def summarize(answers: Answers) -> dict[str, float]:
    """Return the figures of a model in one flat mapping; those of the tags only where products carry tags.

    `category_ece` and `tag_ece` are expected calibration errors: how far the stated probability lies from the share
    that is right, on average (Guo et al., 2017), in 15 bins.
    """
    right = answers.right
    figures = {
        "products": float(len(right)),
        "category_accuracy": float(right.mean()),
        "category_macro_f1": category_macro_f1(answers.category, answers.answered),
        "category_micro_f1": float(right.mean()),  # one category a product: micro-F1 is the accuracy
        "category_ece": expected_calibration_error(answers.confidence, right),
    }
    if answers.tags.nnz:
        counts = LabelCounts.of(answers)
        figures |= {
            "tag_micro_f1": counts.micro_f1(),
            # A tag that no product of the split carries has no recall; counting it as 0 would measure the split.
            "tag_macro_f1": float(counts.f1_scores()[counts.true > 0].mean()),
            "tag_ece": answers.stated.error(),
        }
    return figures


def by_language(answers: Answers) -> dict[str, dict[str, float]]:
    """Return `summarize` for each language, the rare ones together (`join_rare`)."""
    languages = join_rare(answers.languages)
    told = sorted(set(languages.tolist()), key=lambda language: (language == OTHER, language))
    return {language: summarize(answers.of(languages == language)) for language in told}


def category_table(answers: Answers, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Return precision, recall, F1 and number of products of each category."""
    labels = np.arange(len(taxonomy.category_ids))
    columns = precision_recall_fscore_support(answers.category, answers.answered, labels=labels, zero_division=0)
    return _rows(taxonomy.category_ids, *columns)


def tag_table(answers: Answers, taxonomy: Taxonomy, thresholds: Floats) -> list[dict[str, Any]]:
    """Return threshold, precision, recall, F1 and number of products of each tag."""
    counts = LabelCounts.of(answers)
    precision, recall = counts.hits / np.maximum(counts.given, 1), counts.hits / np.maximum(counts.true, 1)
    columns = precision, recall, counts.f1_scores(), counts.true
    rows = _rows(taxonomy.tag_ids, *columns)
    for row, threshold in zip(rows, thresholds.tolist(), strict=True):
        row["threshold"] = threshold
    return rows


def _rows(ids: Sequence[str], *columns: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """The rows of a table.

    Args:
        ids: [K] of the labels.
        columns: Precision, recall, F1 and number of products, [K] each.
    """
    return [
        {"id": label, "precision": float(p), "recall": float(r), "f1": float(f), "products": int(n)}
        for label, p, r, f, n in zip(ids, *columns, strict=True)
    ]


# The tags' F1 is our own. scikit-learn's takes 50 times as long or more, and training computes it at every evaluation:
# 4 s in place of 0.05 s for 20,000 products with 500 tags. It also reads a matrix of one tag as a two-class problem.


@dataclass(frozen=True)
class LabelCounts:
    """How often K labels are true and given.

    Attributes:
        hits: both, int64 [K].
        given: int64 [K].
        true: int64 [K].
    """

    hits: Counts
    given: Counts
    true: Counts

    @classmethod
    def of(cls, answers: Answers) -> LabelCounts:
        """Those of the tags."""
        true = np.bincount(answers.tags.indices, minlength=answers.tags.shape[1])
        return cls(answers.tags_given.counts_among(answers.tags), answers.tags_given.counts(), true)

    @classmethod
    def of_flags(cls, true: Flags, given: Flags) -> LabelCounts:
        """Those of flags, bool [N, K]."""
        return cls((true & given).sum(axis=0), given.sum(axis=0), true.sum(axis=0))

    def f1_scores(self) -> npt.NDArray[np.float64]:
        """The F1 of each label, [K]; 0 for a label that is neither true nor given."""
        scores: npt.NDArray[np.float64] = 2 * self.hits / np.maximum(1, self.true + self.given)
        return scores

    def micro_f1(self) -> float:
        """The F1 over all labels together."""
        return float(2 * self.hits.sum() / max(1, self.true.sum() + self.given.sum()))


def category_macro_f1(category: npt.NDArray[np.int64], answered: npt.NDArray[np.int64]) -> float:
    """Return the mean F1 of the categories that occur among the true or the answered ones, indices [N]."""
    return float(f1_score(category, answered, average="macro", zero_division=0))


def confusion(answers: Answers, taxonomy: Taxonomy) -> npt.NDArray[np.int64] | None:
    """Return how many products of each true category (rows) are answered as each category (columns), int64 [C, C].

    None where there are more than `MOST_CATEGORIES`: nobody reads such a matrix, and it would take C² numbers.
    """
    if len(taxonomy.category_ids) > MOST_CATEGORIES:
        return None
    labels = np.arange(len(taxonomy.category_ids))
    counts: npt.NDArray[np.int64] = confusion_matrix(answers.category, answers.answered, labels=labels)
    return counts


def top_confusions(answers: Answers, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Return the most frequent confusions, `MOST_CONFUSIONS` at most: true category, the answered one, and products."""
    wrong = ~answers.right
    names = taxonomy.category_ids
    pairs = answers.category[wrong] * len(names) + answers.answered[wrong]
    found, counts = np.unique(pairs, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:MOST_CONFUSIONS]
    return [
        {"category": names[pair // len(names)], "answered": names[pair % len(names)], "products": count}
        for pair, count in zip(found[most].tolist(), counts[most].tolist(), strict=True)
    ]


def precision_coverage(confidence: Floats, right: Flags) -> tuple[Floats, Floats, Floats]:
    """Return the curve of answering the surest products only.

    Args:
        confidence: [N] of the products.
        right: bool [N], whether the answer is.

    Returns:
        Confidence cut, coverage (share answered) and precision (share right of these), float32 [N], from the surest
        product on; products of equal confidence are answered together.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    answered = np.arange(1, len(order) + 1)
    precision = np.cumsum(right[order]) / answered
    last_of_equals = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.zeros(0, dtype=bool)
    picked = (ranked, answered / max(1, len(order)), precision)
    cut, coverage, precision = (values[last_of_equals].astype(np.float32) for values in picked)
    return cut, coverage, precision


def coverage_at(
    precision: float, validation: tuple[Floats, Flags] | None, test: tuple[Floats, Flags]
) -> dict[str, float | None]:
    """Tell what share of the test products can be tagged without a person at so many right answers.

    The confidence cut is chosen on the validation part, as one has to in service, and then tried on the test part.

    Args:
        precision: share of the answers that shall be right.
        validation: confidence [N] and whether the answer is right [N]; None or empty chooses on the test part.
        test: the same of the test part.

    Returns:
        `precision` asked for, `confidence` (the cut), and the test part's `coverage` and `precision_reached`; the last
        three are None where no cut reaches the precision.
    """
    cuts, _, reached = precision_coverage(*(validation if validation is not None and len(validation[0]) else test))
    good = np.flatnonzero(reached >= precision)
    if not len(good):
        return {"precision": precision, "confidence": None, "coverage": None, "precision_reached": None}
    cut = float(cuts[good[-1]])
    confidence, right = test
    answered = confidence >= cut
    return {
        "precision": precision,
        "confidence": cut,
        "coverage": float(answered.mean()),
        "precision_reached": float(right[answered].mean()) if answered.any() else None,
    }
