"""The checkpoint directory: what training leaves and export reads, complete in itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from catalog.taxonomy import Taxonomy

TRAINING_FILE = "training.json"


def write_checkpoint(
    directory: Path,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    taxonomy: Taxonomy,
    thresholds: npt.NDArray[np.float32],
    metrics: Mapping[str, Any],
    model_card: str,
    fingerprint: Mapping[str, Any],
) -> None:
    """Fill an empty directory with a checkpoint.

    Args:
        directory: renamed into its place by the caller when all of this has been written.
        model: saved as float32 with the code that its configuration names (`auto_map`).
        tokenizer: its `model_max_length` is the length that texts are cut at, here and in serving.
        taxonomy: the labels in the order of the model's outputs.
        thresholds: the probability from which a tag is given, float32 [T].
        metrics: becomes metrics.json.
        model_card: becomes README.md.
        fingerprint: what the checkpoint was made from; becomes training.json.
    """
    model.float().save_pretrained(directory)
    # The writer leaves it readable for its owner only; a server may run as another user.
    (directory / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(directory)
    (directory / "taxonomy.json").write_text(taxonomy.to_json(), encoding="utf-8")
    tags = {tag: round(float(threshold), 6) for tag, threshold in zip(taxonomy.tag_ids, thresholds, strict=True)}
    _write_json(directory / "thresholds.json", {"tags": tags})
    _write_json(directory / "metrics.json", metrics)
    _write_json(directory / TRAINING_FILE, fingerprint)
    (directory / "README.md").write_text(model_card, encoding="utf-8")


def read_fingerprint(directory: Path) -> dict[str, Any] | None:
    """Return what a checkpoint was made from; None where there is none, or no readable one."""
    try:
        found = json.loads((directory / TRAINING_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def digest_of(*paths: Path) -> str:
    """Return the SHA-256 over the contents of files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
