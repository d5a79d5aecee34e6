"""The checkpoint directory: what training leaves and export reads, complete in itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from catalog.prepared import Example
from catalog.taxonomy import Taxonomy
from training.answers import Answers, answers_of
from training.data import EncodedExamples, EncodedTexts
from training.errors import TrainingError
from training.inference import iter_logits, predict_logits, probabilities_of
from training.modeling_product_tagging import BertForProductTagging
from training.saving import save_model, write_json
from training.thresholds import DIGITS

METRICS_FILE, CARD_FILE = "metrics.json", "README.md"
ANSWERING = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "thresholds.json")
"""The files that decide what a checkpoint answers; taxonomy.json beside them says what the labels are called."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model with all that its answers need.

    Attributes:
        model: ready to answer, on the CPU or where it was moved to.
        tokenizer: cuts texts at the length that the model was trained with.
        taxonomy: the labels in the order of the model's outputs.
        thresholds: the probability from which a tag is given, float32 [T].
    """

    model: BertForProductTagging
    tokenizer: PreTrainedTokenizerBase
    taxonomy: Taxonomy
    thresholds: npt.NDArray[np.float32]

    def probabilities(self, texts: Sequence[str], title: str = "") -> npt.NDArray[np.float32]:
        """Return the probability of every label for cleaned texts, float32 [N, C + T].

        Args:
            texts: cleaned as the catalogue stage cleans them.
            title: what the progress bar is called; empty for none.
        """
        encoded = EncodedTexts(texts, self.tokenizer)
        logits = predict_logits(self.model, encoded, int(self.tokenizer.pad_token_id), title)
        return probabilities_of(logits, self.taxonomy.layout)

    def answers(self, examples: Iterable[Example], title: str = "") -> Answers:
        """Answer prepared examples, in any number, and put what is true of them beside it.

        Args:
            examples: gone through once, and not kept.
            title: what the progress bar is called; empty for none.

        Raises:
            TaxonomyError: The checkpoint's taxonomy doesn't know an example's category.
        """
        encoded = EncodedExamples(examples, self.taxonomy, self.tokenizer)
        logits = iter_logits(self.model, encoded, int(self.tokenizer.pad_token_id), title)
        batches = ((rows, probabilities_of(batch, self.taxonomy.layout)) for rows, batch in logits)
        return answers_of(batches, self.thresholds, encoded.labels, self.taxonomy)


def write_checkpoint(directory: Path, checkpoint: Checkpoint, metrics: dict[str, Any], card: str) -> None:
    """Fill an empty directory with a checkpoint; the caller renames it into its place.

    Args:
        directory: where to.
        checkpoint: what is written.
        metrics: becomes metrics.json.
        card: the model card, becomes README.md.
    """
    save_model(directory, checkpoint.model, checkpoint.tokenizer)
    (directory / "taxonomy.json").write_text(checkpoint.taxonomy.to_json(), encoding="utf-8")
    pairs = zip(checkpoint.taxonomy.tag_ids, checkpoint.thresholds, strict=True)
    write_json(directory / "thresholds.json", {"tags": {tag: round(float(value), DIGITS) for tag, value in pairs}})
    write_json(directory / METRICS_FILE, metrics)
    (directory / CARD_FILE).write_text(card, encoding="utf-8")


def read_checkpoint(directory: Path) -> Checkpoint:
    """Load a checkpoint that training has written.

    Raises:
        TrainingError: There is none, or it is damaged; `TaxonomyError` likewise.
    """
    if not (directory / "config.json").is_file():
        raise TrainingError(f"There is no checkpoint in {directory}. Run `make train` first, or name its directory.")
    taxonomy = Taxonomy.from_json(directory / "taxonomy.json")
    model, tokenizer = load_model(directory)
    try:
        tags = json.loads((directory / "thresholds.json").read_text(encoding="utf-8"))["tags"]
        thresholds = np.array([tags[tag] for tag in taxonomy.tag_ids], dtype=np.float32)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(directory / "thresholds.json", error) from error
    return Checkpoint(model, tokenizer, taxonomy, thresholds)


def load_model(directory: Path) -> tuple[BertForProductTagging, PreTrainedTokenizerBase]:
    """Load the model, ready to answer, and the tokenizer of a directory that `save_model` has written.

    Raises:
        TrainingError: They can't be loaded.
    """
    try:
        model: BertForProductTagging = BertForProductTagging.from_pretrained(directory, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _damaged(directory, error) from error
    model.train(False)
    return model, tokenizer


def _damaged(path: Path, error: Exception) -> TrainingError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return TrainingError(f"{path} can't be loaded ({reason}). Run `make train FORCE=1` to make it again.")
