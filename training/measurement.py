"""Puts a fine-tuned model beside the linear baseline: what metrics.json holds."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.baseline import LinearBaseline
from catalog.heads import DecisionRule
from catalog.prepared import Example
from catalog.taxonomy import Taxonomy
from training.data import EncodedExamples
from training.evaluation import (
    PRECISIONS,
    Answers,
    by_language,
    category_table,
    confusion,
    coverage_at,
    f1_scores,
    summarize,
    tag_table,
)

logger = logging.getLogger(__name__)

HELD_OUT = ("validation", "test")
Parts = Mapping[str, Sequence[Example]]
Encoded = Mapping[str, EncodedExamples]
Floats = npt.NDArray[np.float32]


def answers_of(
    probabilities: Floats, thresholds: Floats, examples: Sequence[Example], encoded: EncodedExamples, taxonomy: Taxonomy
) -> Answers:
    """Put probabilities [N, C + T] and thresholds [T] beside what is true of the N examples."""
    rule = DecisionRule.of(taxonomy.data, dict(zip(taxonomy.tag_ids, thresholds, strict=True)))
    languages = np.array([example.lang for example in examples], dtype=np.str_)
    return Answers.from_probabilities(probabilities, rule, encoded.labels.category, encoded.labels.tags > 0, languages)


def baseline_answers(parts: Parts, encoded: Encoded, taxonomy: Taxonomy) -> dict[str, Answers]:
    """Fit the linear baseline on the training part; return its answers to the held-out parts."""
    logger.info("Fitting the baseline (TF-IDF + linear) on the same products.")
    baseline = LinearBaseline().fit(parts["train"], taxonomy, parts["validation"])
    answers = {}
    for split in HELD_OUT:
        texts = [example.text for example in parts[split]]
        if texts:
            probabilities = np.hstack([baseline.category_probabilities(texts), baseline.tag_probabilities(texts)])
        else:
            probabilities = np.zeros((0, taxonomy.layout.width), dtype=np.float32)
        answers[split] = answers_of(probabilities, baseline.thresholds, parts[split], encoded[split], taxonomy)
    return answers


def figures(
    model: Mapping[str, Answers], baseline: Mapping[str, Answers], taxonomy: Taxonomy, thresholds: Floats
) -> dict[str, Any]:
    """Return all figures of the test part, and the validation part's summary.

    Args:
        model: part (`validation`, `test`) → the model's answers.
        baseline: the same of the baseline.
        taxonomy: names the labels.
        thresholds: the model's, [T].
    """
    test, linear = model["test"], baseline["test"]
    categories, tags = category_table(test, taxonomy), tag_table(test, taxonomy, thresholds)
    for row, other in zip(categories, category_table(linear, taxonomy), strict=True):
        row["baseline_f1"] = other["f1"]
    for row, score in zip(tags, f1_scores(linear.tags, linear.tags_given).tolist(), strict=True):
        row["baseline_f1"] = score
    return {
        "test": summarize(test),
        "baseline": summarize(linear),
        "test_by_language": by_language(test),
        "baseline_by_language": by_language(linear),
        "validation": summarize(model["validation"]) if len(model["validation"].category) else None,
        "coverage": _coverages(model),
        "baseline_coverage": _coverages(baseline),
        "categories": categories,
        "tags": tags,
        "confusion": confusion(test, taxonomy).tolist(),
    }


def _coverages(answers: Mapping[str, Answers]) -> list[dict[str, float | None]]:
    validation, test = ((part.confidence, part.answered == part.category) for part in answers.values())
    return [coverage_at(precision, validation, test) for precision in PRECISIONS]


def count_languages(examples: Sequence[Example]) -> dict[str, int]:
    """Return the number of examples by language, the most frequent first."""
    return dict(Counter(example.lang for example in examples).most_common())


def data_facts(parts: Parts, encoded: Encoded, unk_token_id: int | None) -> dict[str, Any]:
    """Return the sizes of the parts, and by language how many products there are and what becomes of their texts.

    `unknown_token_share` is what the vocabulary misses, `mean_tokens_by_language` and `cut_share` (of the texts, at the
    tokenizer's length) how much of a text the model reads.

    Args:
        parts: the examples.
        encoded: their tokens.
        unk_token_id: the token of what the vocabulary doesn't know; None where there is no such token.
    """
    train, tokens = parts["train"], encoded["train"]
    languages = count_languages(train)
    spoken = np.array([example.lang for example in train], dtype=np.str_)
    rows = {language: np.flatnonzero(spoken == language) for language in languages}
    unknown = {
        language: float((np.concatenate([tokens.token_ids(row) for row in own]) == unk_token_id).mean())
        for language, own in rows.items()
    }
    return {
        **{split: len(examples) for split, examples in parts.items()},
        "languages": languages,
        "unknown_token_share": unknown if unk_token_id is not None else dict.fromkeys(unknown, 0.0),
        "mean_tokens": float(tokens.lengths.mean()),
        "mean_tokens_by_language": {language: float(tokens.lengths[own].mean()) for language, own in rows.items()},
        "cut_share": {language: float(tokens.cut[own].mean()) for language, own in rows.items()},
    }
