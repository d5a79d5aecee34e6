"""What a base makes of the training texts: which languages there are, what it can't read, and what is cut off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from catalog.prepared import Example
from training.base.choice import unread_languages
from training.data import EncodedExamples
from training.spoken import join_rare


def count_languages(examples: Iterable[Example]) -> dict[str, int]:
    """Return the number of examples by language, the most frequent first."""
    return _counted(example.lang for example in examples)


def _counted(languages: Iterable[str]) -> dict[str, int]:
    return dict(Counter(languages).most_common())


def text_facts(train: EncodedExamples, unk_token_id: int | None) -> dict[str, Any]:
    """Return by language how many training products there are, and what becomes of their texts.

    Rare languages are told together (`join_rare`). `unknown_token_share` is what the vocabulary misses;
    `mean_tokens_by_language` and `cut_share` (of the texts, at the tokenizer's length) are how much of a text the model
    reads.

    Args:
        train: the examples' tokens and languages.
        unk_token_id: the token of what the vocabulary doesn't know; None where there is no such token.
    """
    spoken = join_rare(train.labels.languages)
    languages = _counted(spoken.tolist())
    rows = {language: np.flatnonzero(spoken == language) for language in languages}
    unknown = dict.fromkeys(languages, 0.0)
    if unk_token_id is not None:
        tokens = train.occurrences(unk_token_id)
        unknown = {name: float(tokens[own].sum() / train.lengths[own].sum()) for name, own in rows.items()}
    return {
        "train": len(train),
        "languages": languages,
        "unknown_token_share": unknown,
        "mean_tokens": float(train.lengths.mean()),
        "mean_tokens_by_language": {language: float(train.lengths[own].mean()) for language, own in rows.items()},
        "cut_share": {language: float(train.cut[own].mean()) for language, own in rows.items()},
    }


def unread_warnings(base: str, data: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each language of the catalogue that the base can't read.

    Args:
        base: its name.
        data: what `text_facts` told.
    """
    for language, products, unknown in unread_languages(data["languages"], data["unknown_token_share"]):
        yield (
            f"The base {base} can't read `{language}`, the language of {products:.0%} of the training products: "
            f"{unknown:.0%} of its tokens are unknown to it, and figures in this language are limited by that. "
            "Set training.base to one that reads it, such as multilingual."
        )
