"""How a kind of base is prepared and fine-tuned: one object a kind, found by what the base is.

The same model learns the same way, whether it is built in, named by its hub id or by a directory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from transformers import PretrainedConfig
from transformers.utils.hub import cached_file


@dataclass(frozen=True)
class LearningRates:
    """Peak learning rates.

    Attributes:
        encoder: of the encoder's layers.
        head: of the new layer on top.
        embeddings: of the vocabulary's vectors, each of which is in few batches.
    """

    encoder: float = 1.5e-4
    head: float = 1e-3
    embeddings: float = 3e-4


@dataclass(frozen=True)
class Recipe:
    """How a kind of base is prepared and fine-tuned, where the settings leave it open.

    Attributes:
        kind: what the base is, in a few words.
        layers: numbers of the layers to keep; None: all.
        vocabulary: pieces to keep; None: all.
        healing_steps: how long a base that has lost layers learns to do without them.
        levels: whether its vectors are levelled (`levelling`).
        pooling: how its tokens are pooled, where the base does not say; `cls` is BERT's own way.
        rates: peak learning rates.
        brief_rate: that of the encoder where there is time for fewer than three epochs; None: the same as ever.
        min_steps: how many steps small catalogues are trained for.
    """

    kind: str
    layers: tuple[int, ...] | None = None
    vocabulary: int | None = None
    healing_steps: int = 300
    levels: bool = False
    pooling: Literal["mean", "cls"] = "cls"
    rates: LearningRates = LearningRates()
    brief_rate: float | None = None
    min_steps: int = 300


MULTILINGUAL_VOCABULARY = 32_000

ANY_BERT = Recipe("a BERT encoder")
MULTILINGUAL_MINILM = Recipe(
    "a multilingual MiniLM",
    # Every second layer: half the price of all twelve.
    layers=(0, 2, 4, 6, 8, 10),
    vocabulary=MULTILINGUAL_VOCABULARY,
    levels=True,
    pooling="mean",
    # Twelve layers learn best at half the rate of six.
    rates=LearningRates(encoder=1e-4, head=2e-3),
    brief_rate=3e-4,
    # On few hundred products with hundreds of tags the loss was still falling after 300 steps.
    min_steps=600,
)
"""multilingual-e5-small and its relatives. docs/experiments/multilingual-base.md has the measurements."""
CUT_MULTILINGUAL_MINILM = replace(
    MULTILINGUAL_MINILM, layers=None, levels=False, rates=replace(MULTILINGUAL_MINILM.rates, encoder=2e-4)
)
"""The same without some of its layers: it is neither cut nor levelled again."""

MINILM_SHAPE = (384, 12, 1536)
"""Length of a token's vector, attention heads, and length of the vectors between a layer's two halves."""
MINILM_LAYERS = 12


def recipe_of(config: PretrainedConfig, source: str) -> Recipe:
    """Find the recipe of a base by its shape and by the kind of its tokenizer.

    Args:
        config: the base's.
        source: the directory or hub id that it was loaded from.
    """
    shape = (config.hidden_size, config.num_attention_heads, config.intermediate_size)
    if shape != MINILM_SHAPE or not _has_unigram_tokenizer(source):
        return ANY_BERT
    recipe = MULTILINGUAL_MINILM if config.num_hidden_layers >= MINILM_LAYERS else CUT_MULTILINGUAL_MINILM
    pruned = config.vocab_size <= 2 * MULTILINGUAL_VOCABULARY
    return replace(recipe, vocabulary=None) if pruned else recipe


def _has_unigram_tokenizer(source: str) -> bool:
    """Whether the tokenizer is of SentencePiece's kind; WordPiece is that of English and Chinese BERTs."""
    file = cached_file(
        source,
        "tokenizer.json",
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if file is None:
        return False
    return bool(json.loads(Path(file).read_text(encoding="utf-8"))["model"]["type"] == "Unigram")
