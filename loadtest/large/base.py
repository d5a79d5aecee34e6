"""A base that learns an epoch of a million products in minutes: what the others hold beside it, any catalogue costs."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from training.base import resolve_base

FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
POSITIONS = 128
SEED = 13


def write_tiny_base(directory: Path) -> None:
    """Write a BERT of one narrow layer with the English base's tokenizer."""
    english = resolve_base("english", POSITIONS)
    config = BertConfig(
        vocab_size=english.pieces,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=POSITIONS,
    )
    torch.manual_seed(SEED)
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    for name in FILES:
        shutil.copy2(Path(english.source) / name, directory)
