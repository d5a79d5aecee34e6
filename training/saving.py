"""What every directory with a model has: the weights, the code that reads them, and the tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase


def save_model(directory: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write a model and its tokenizer.

    Args:
        directory: where to.
        model: saved as float32 with the code that its configuration names (`auto_map`).
        tokenizer: its `model_max_length` is the length that texts are cut at, here and in serving.
    """
    model.float().save_pretrained(directory)
    # The writer leaves it readable for its owner only; a server may run as another user.
    (directory / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(directory)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that a person can read."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
