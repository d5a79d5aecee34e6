"""What training left in build/checkpoint: read, checked for completeness, and loaded as a PyTorch model."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from tokenizers import Tokenizer

from catalog.taxonomy import Taxonomy, TaxonomyError
from export.errors import ExportError
from steps import files_digest

if TYPE_CHECKING:  # takes seconds to import, which a run that finds all up to date can do without
    from transformers import PreTrainedModel

MODEL_FILES = ("config.json", "model.safetensors")
"""What decides, with the model's code, what the graph answers."""
FILES = (*MODEL_FILES, "tokenizer.json", "tokenizer_config.json", "taxonomy.json", "thresholds.json")
METRICS = "metrics.json"
"""How good the checkpoint is. Training measures it when the checkpoint is published already."""
MODEL_CLASS = "AutoModelForSequenceClassification"
MEND = "Run `make train` again."


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Attributes:
        path: The directory.
        digest: SHA-256 over what decides how a release comes out: model, tokenizer, taxonomy and thresholds. The
            figures, the model card and what else training keeps there don't count.
        model_digest: SHA-256 over what decides how the graph comes out.
        config: What config.json holds.
        taxonomy: Categories and tags, in the order of the model's outputs.
        thresholds: Tag id → the probability from which the tag is given.
        metrics: What metrics.json holds; empty where training hasn't measured the checkpoint.
        catalog_digest: SHA-256 of the products it was trained on; None where metrics.json doesn't tell.
        max_length: Tokens a text is cut at, special tokens included.
        pad_token_id: What a short row is filled with.
    """

    path: Path
    digest: str
    model_digest: str
    config: dict[str, Any]
    taxonomy: Taxonomy
    thresholds: dict[str, float]
    metrics: dict[str, Any]
    catalog_digest: str | None
    max_length: int
    pad_token_id: int

    @property
    def labels(self) -> tuple[str, ...]:
        """What the C + T outputs stand for: `category/apparel`, …, `tag/dress`, …."""
        return self.taxonomy.layout.names

    def tokenizer(self) -> Tokenizer:
        """The tokenizer as serving uses it: cut at `max_length`, not padded."""
        tokenizer = Tokenizer.from_file(str(self.path / "tokenizer.json"))
        tokenizer.enable_truncation(self.max_length)
        tokenizer.no_padding()
        return tokenizer

    def load_model(self) -> PreTrainedModel:
        """Load the PyTorch model, ready to answer.

        Raises:
            ExportError: The weights or the code of the model are missing or don't fit the configuration.
        """
        model_class = _model_class(self.path, self.config)
        try:
            with _silent_transformers():
                model, report = model_class.from_pretrained(
                    self.path, local_files_only=True, output_loading_info=True, use_safetensors=True
                )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ExportError(f"{self.path / 'model.safetensors'} can't be loaded ({_short(error)}). {MEND}") from error
        unfit = [*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]]
        if unfit:
            raise ExportError(
                f"{self.path / 'model.safetensors'} doesn't fit config.json beside it: {len(unfit)} weights are "
                f"missing, left over or of another shape ({unfit[0]} first). {MEND}"
            )
        loaded: PreTrainedModel = model.eval()
        return loaded


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and check that its parts are there and fit each other; weights are digested, not loaded.

    Raises:
        ExportError: A file is missing, damaged, or contradicts another one.
    """
    if not path.is_dir():
        raise ExportError(f"There is no checkpoint in {path}. Run `make train` first.")
    for name in FILES:
        if not (path / name).is_file():
            raise ExportError(f"{path / name} is missing: the checkpoint is not complete, or older than this version. "
                              f"{MEND}")  # fmt: skip
    config = _read_json(path / "config.json")
    try:
        taxonomy = Taxonomy.from_json(path / "taxonomy.json")
    except TaxonomyError as error:
        raise ExportError(f"{error}. {MEND}") from None
    _check_labels(path, config, taxonomy)
    max_length, pad_token_id = _tokenizer_settings(path, config)
    model = [*(path / name for name in MODEL_FILES), *path.glob("*.py")]
    metrics = _read_json(path / METRICS) if (path / METRICS).is_file() else {}
    return Checkpoint(
        path=path,
        digest=files_digest({*model, *(path / name for name in FILES)}, path),
        model_digest=files_digest(model, path),
        config=config,
        taxonomy=taxonomy,
        thresholds=_thresholds(path / "thresholds.json", taxonomy),
        metrics=metrics,
        catalog_digest=(metrics.get("data") or {}).get("sha256"),
        max_length=max_length,
        pad_token_id=pad_token_id,
    )


def _check_labels(path: Path, config: dict[str, Any], taxonomy: Taxonomy) -> None:
    named = config.get("id2label") or {}
    found = [named.get(str(number)) for number in range(len(named))]
    if found != list(taxonomy.layout.names):
        raise ExportError(
            f"{path / 'config.json'} names {len(found)} outputs, which are not the {len(taxonomy.category_ids)} "
            f"categories and {len(taxonomy.tag_ids)} tags of taxonomy.json beside it. {MEND}"
        )


def _thresholds(path: Path, taxonomy: Taxonomy) -> dict[str, float]:
    tags = _read_json(path).get("tags")
    if not isinstance(tags, dict) or not all(isinstance(value, int | float) for value in tags.values()):
        raise ExportError(f'{path} must hold {{"tags": {{id: threshold}}}}. {MEND}')
    missing = [tag for tag in taxonomy.tag_ids if tag not in tags]
    if missing:
        raise ExportError(f"{path} has no threshold for the tag {missing[0]!r}, which is in taxonomy.json. {MEND}")
    return {tag: float(tags[tag]) for tag in taxonomy.tag_ids}


def _tokenizer_settings(path: Path, config: dict[str, Any]) -> tuple[int, int]:
    """Read max_length and pad_token_id, and check that every token has a row in the model's vocabulary."""
    settings = _read_json(path / "tokenizer_config.json")
    try:
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:  # the library raises nothing more specific
        raise ExportError(f"{path / 'tokenizer.json'} can't be read ({_short(error)}). {MEND}") from error
    highest = max(tokenizer.get_vocab().values(), default=-1)
    known, positions = config.get("vocab_size"), config.get("max_position_embeddings")
    if not isinstance(known, int) or not isinstance(positions, int):
        raise ExportError(f"{path / 'config.json'} has no vocab_size or max_position_embeddings. {MEND}")
    if highest >= known:
        raise ExportError(
            f"{path / 'tokenizer.json'} gives token ids up to {highest}, but the model of config.json knows "
            f"{known} tokens: they come from different models. {MEND}"
        )
    # Positions begin at 0 in BertModel whatever the tokenizer's family, so all of them can hold a token. A tokenizer
    # without a limit of its own says 1e30.
    max_length = int(min(settings.get("model_max_length") or math.inf, positions))
    pad_token = settings.get("pad_token")
    if isinstance(pad_token, dict):
        pad_token = pad_token.get("content")
    pad = tokenizer.token_to_id(pad_token) if pad_token else config.get("pad_token_id")
    if pad is None:
        raise ExportError(f"{path / 'tokenizer_config.json'} names no padding token that tokenizer.json knows. {MEND}")
    return max_length, int(pad)


def _model_class(path: Path, config: dict[str, Any]) -> Any:
    """Import the class that the checkpoint brings with it (transformers' `auto_map`).

    `trust_remote_code` would do the same by way of a copy in the user's home folder.
    """
    module_name, _, class_name = str((config.get("auto_map") or {}).get(MODEL_CLASS, "")).rpartition(".")
    file = path / f"{module_name}.py"
    if not module_name or not file.is_file():
        raise ExportError(f"{path / 'config.json'} names no model code beside it (auto_map, {MODEL_CLASS}). {MEND}")
    # transformers puts such code into this package, and optimum tells by the name which library a model is of.
    spec = importlib.util.spec_from_file_location(f"transformers_modules.checkpoint.{module_name}", file)
    assert spec is not None and spec.loader is not None, "a .py file always has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # transformers looks the class's source file up there
    try:
        spec.loader.exec_module(module)
        return getattr(module, class_name)
    except Exception as error:
        raise ExportError(f"{file} can't be imported ({_short(error)}). {MEND}") from error


@contextmanager
def _silent_transformers() -> Iterator[None]:
    """Missing weights are an error here, with a sentence of its own; the library only warns, at length."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} can't be read ({_short(error)}). {MEND}") from error
    if not isinstance(data, dict):
        raise ExportError(f"{path} must hold a JSON object, not {type(data).__name__}. {MEND}")
    return data


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
