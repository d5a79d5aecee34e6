"""Finds a pretrained encoder that can be used as it is: the English one, a local directory or a hub id."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

from training.base.builtin import AUTO, BUILT_IN, ENGLISH, english_directory
from training.base.errors import BaseModelError
from training.base.recipe import Recipe, recipe_of

logger = logging.getLogger(__name__)

POOLING_FILE = Path("1_Pooling") / "config.json"
"""Where sentence-transformers bases say how their sentence vectors are pooled."""


@dataclass(frozen=True)
class BaseModel:
    """A pretrained encoder.

    Attributes:
        name: `english`, `multilingual`, or what the settings say.
        source: what `from_pretrained` is given: a directory or a hub id.
        pooling: how sentence vectors were pooled when it was trained, the default for fine-tuning.
        layers: number of encoder layers.
        pieces: number of token ids.
        recipe: how it is prepared and fine-tuned.
        reason: why it is the base, one sentence.
        making_seconds: what making it took, which counts in `training.minutes`.
    """

    name: str
    source: str
    pooling: Literal["mean", "cls"]
    layers: int
    pieces: int
    recipe: Recipe
    reason: str = "training.base names it."
    making_seconds: float = 0.0

    def tokenizer(self, max_length: int) -> PreTrainedTokenizerBase:
        """Load the fast tokenizer, which truncates at `max_length` tokens, special tokens included."""
        try:
            tokenizer: PreTrainedTokenizerBase | None = AutoTokenizer.from_pretrained(
                self.source, use_fast=True, model_max_length=max_length
            )
        except (OSError, ValueError, TypeError):  # TypeError: neither a tokenizer.json nor a vocabulary
            tokenizer = None
        if tokenizer is None or not tokenizer.is_fast:
            raise BaseModelError(
                f"training.base: {self.name} has no tokenizer.json (nor files it can be made of); serving needs one. "
                "Save the base with its fast tokenizer, or choose another base."
            )
        return tokenizer


def resolve_base(name: str, max_length: int, source: str | None = None) -> BaseModel:
    """Find a base model that is there already.

    Args:
        name: `english`, a local directory, or a hub id.
        max_length: tokens a text is cut at; must fit the base's positions.
        source: where the base of this name lies; None looks for it.

    Raises:
        BaseModelError: it can't be found or loaded, isn't a BERT encoder, or has too few positions.
    """
    if source is None:
        source = str(english_directory()) if name == ENGLISH else name
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BaseModelError(
            f"training.base: {name!r} is no built-in base ({', '.join((AUTO, *BUILT_IN))}), no local directory with a "
            f"config.json, and could not be loaded from the Hugging Face hub ({reason}). Download it where the hub can "
            "be reached, copy the directory here and name its path."
        ) from None
    if config.model_type != "bert":
        raise BaseModelError(
            f"training.base: {name} is a {config.model_type!r} model; this project fine-tunes models of type 'bert'."
        )
    check_length(max_length, name, config.max_position_embeddings)
    recipe = recipe_of(config, source)
    pooling = _pooling_of(source) or recipe.pooling
    return BaseModel(name, source, pooling, config.num_hidden_layers, config.vocab_size, recipe)


def check_length(max_length: int, name: str, positions: int) -> None:
    """Refuse texts that are longer than a base has positions for.

    Raises:
        BaseModelError: They are.
    """
    if max_length > positions:
        raise BaseModelError(f"training.max_length is {max_length}, but {name} has {positions} positions: lower it.")


def _pooling_of(source: str) -> Literal["mean", "cls"] | None:
    """Read how a sentence-transformers base pools; None where the base does not say."""
    file = cached_file(
        source,
        POOLING_FILE.as_posix(),
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if file is None:
        return None
    return "mean" if json.loads(Path(file).read_text(encoding="utf-8")).get("pooling_mode_mean_tokens") else "cls"
