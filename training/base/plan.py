"""From the settings to a base directory: which base, what is kept of it, and whether it has been made already."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tokenizers
import transformers

from settings import TrainingSettings
from steps import staged_directory
from training.base.builtin import (
    AUTO,
    MULTILINGUAL,
    MULTILINGUAL_LAYERS,
    MULTILINGUAL_TOKENIZER,
    MULTILINGUAL_VOCABULARY,
    MULTILINGUAL_WEIGHTS,
)
from training.base.choice import choose_base
from training.base.healing import Healing
from training.base.packages import waited_lock
from training.base.resolve import BaseModel, resolve_base
from training.base.writing import write_multilingual, write_pruned
from training.checkpoint import digest_of

logger = logging.getLogger(__name__)

STAMP = "made-from.json"

Texts = Mapping[str, Sequence[str]]
"""Part of the catalogue → its texts: all decide which pieces are kept, and those of `train` heal what was cut."""


@dataclass(frozen=True)
class BasePlan:
    """What a base is to be made of; nothing is fetched, read or written yet.

    Attributes:
        name: `english`, `multilingual`, a hub id or a local directory.
        reason: why this one, one sentence.
        layers: the layers to keep; None: all.
        vocabulary: pieces to keep; None: all.
        healing_steps: how long it learns, where layers are left out, to do without them.
    """

    name: str
    reason: str
    layers: tuple[int, ...] | None
    vocabulary: int | None
    healing_steps: int

    @property
    def is_made(self) -> bool:
        """Whether training needs a directory of its own for it, instead of taking the base from where it lies."""
        return self.name == MULTILINGUAL or self.layers is not None or self.vocabulary is not None

    @property
    def needs_texts(self) -> bool:
        """Whether the catalogue's texts decide what comes out."""
        return self.vocabulary is not None or self.learns

    @property
    def learns(self) -> bool:
        """Whether the texts of the training products change its weights."""
        return self.name == MULTILINGUAL or self.healing_steps > 0

    def fingerprint(self) -> dict[str, Any]:
        """Return what decides which base comes out, besides the catalogue's texts and the code.

        Raises:
            BaseModelError: the base can't be found.
        """
        if self.name == MULTILINGUAL:
            origin = [MULTILINGUAL_WEIGHTS.sha256, MULTILINGUAL_TOKENIZER.sha256]
        else:
            source = resolve_base(self.name, 1).source
            files = sorted([*Path(source).glob("*.safetensors"), *Path(source).glob("tokenizer.json")])
            origin = [digest_of(file) for file in files] or [source]
        return {
            "origin": origin,
            "layers": self.layers and list(self.layers),
            "vocabulary": self.vocabulary,
            "healing_steps": self.healing_steps,
        }


def plan_base(settings: TrainingSettings, languages: Mapping[str, int]) -> BasePlan:
    """Decide on the base.

    Args:
        settings: those of the base are used.
        languages: language code → number of training products; decides where `base` is `auto`.
    """
    name, reason = settings.base, "training.base names it."
    if name == AUTO:
        name, reason = choose_base(languages)
    default_layers, default_vocabulary = None, None
    if name == MULTILINGUAL:
        default_layers, default_vocabulary = MULTILINGUAL_LAYERS, MULTILINGUAL_VOCABULARY
    layers: tuple[int, ...] | None = default_layers
    if settings.base_layers != "auto":
        layers = None if settings.base_layers == "all" else tuple(settings.base_layers)
    vocabulary: int | None = default_vocabulary
    if settings.base_vocabulary != "auto":
        vocabulary = None if settings.base_vocabulary == "all" else settings.base_vocabulary
    return BasePlan(name, reason, layers, vocabulary, settings.base_healing_steps if layers is not None else 0)


def find_or_make_base(plan: BasePlan, texts: Texts, directory: Path, max_length: int) -> BaseModel:
    """Give the planned base: from where it lies, or pruned and written to a directory of its own.

    Of several processes one makes the directory, and the others wait for it.

    Args:
        plan: what is wanted.
        texts: those of the catalogue.
        directory: where a base that has to be made goes.
        max_length: tokens a text is cut at; must fit the base's positions.

    Raises:
        BaseModelError: the base can't be found, fetched, loaded or pruned, or has too few positions.
        CatalogError: the directory is being written by another program.
    """
    if plan.is_made:
        write_base(plan, texts, directory)
        base = resolve_base(plan.name, max_length, str(directory))
    else:
        base = resolve_base(plan.name, max_length)
    return replace(base, reason=plan.reason)


def write_base(plan: BasePlan, texts: Texts, directory: Path, *, force: bool = False) -> bool:
    """Write the planned base to a directory, unless it is there already, made from the same things.

    Args:
        plan: what is wanted.
        texts: those of the catalogue; may be missing where the base is to lose nothing.
        directory: appears whole, or stays as it was.
        force: write it again.

    Returns:
        Whether it has been written now.

    Raises:
        BaseModelError: the base can't be found, fetched, loaded or pruned.
        CatalogError: the directory is being written by another program.
    """
    all_texts = [text for part in texts.values() for text in part]
    healing = Healing(plan.healing_steps, texts.get("train", ()))
    stamp = {
        "name": plan.name,
        **plan.fingerprint(),
        "texts": None if plan.vocabulary is None else _digest_of_texts(all_texts),
        "learnt_from": _digest_of_texts(healing.texts) if plan.learns else None,
        "code": _digest_of_code(),
        "versions": {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__},
    }
    with waited_lock(directory):
        if not force and _read_stamp(directory) == stamp:
            return False
        logger.info("Making the base %s in %s.", plan.name, directory)
        with staged_directory(directory) as staging:
            if plan.name == MULTILINGUAL:
                write_multilingual(staging, all_texts, plan.layers, plan.vocabulary, healing)
            else:
                write_pruned(staging, resolve_base(plan.name, 1), all_texts, plan.layers, plan.vocabulary, healing)
            (staging / STAMP).write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
    return True


def _read_stamp(directory: Path) -> Any:
    try:
        return json.loads((directory / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _digest_of_texts(texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "replace") + b"\n")
    return digest.hexdigest()


def _digest_of_code() -> str:
    return digest_of(*sorted(Path(__file__).parent.glob("*.py")))
