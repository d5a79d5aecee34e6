"""From the settings to a base directory: which base, what is kept of it, and whether it has been made already."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from catalog.prepared import READERS
from settings import TrainingSettings
from steps import Step, code_digest, file_digest, locked, versions
from training.base.builtin import (
    AUTO,
    MULTILINGUAL,
    MULTILINGUAL_POSITIONS,
    MULTILINGUAL_TOKENIZER,
    MULTILINGUAL_WEIGHTS,
)
from training.base.choice import choose_base
from training.base.healing import Healing
from training.base.recipe import MULTILINGUAL_MINILM, Recipe
from training.base.resolve import BaseModel, check_length, resolve_base
from training.base.writing import write_multilingual, write_pruned
from training.pace import now
from training.sampling import sample

logger = logging.getLogger(__name__)

HEALING_SHARE = 0.25
"""Of `training.minutes`, where layers are named that have to be healed: the rest is for fine-tuning."""
MADE_FILE = "time.json"

LEARNING_TEXTS = 100_000
"""Most texts that a base learns from: more than it has time for, and few enough to be held in memory."""


@dataclass(frozen=True)
class BasePlan:
    """What a base is to be made of; nothing is fetched, read or written yet.

    Attributes:
        name: `english`, `multilingual`, a hub id or a local directory.
        reason: why this one, one sentence.
        recipe: how such a base is prepared.
        layers: the layers to keep; None: all.
        vocabulary: pieces to keep; None: all.
        healing_steps: how long it learns, where layers are left out, to do without them.
        precision: in which numbers it computes while it learns.
        healing_limit_s: how long it may learn, in seconds; None: as long as it takes.
    """

    name: str
    reason: str
    recipe: Recipe
    layers: tuple[int, ...] | None
    vocabulary: int | None
    healing_steps: int
    precision: str = "auto"
    healing_limit_s: float | None = None

    @property
    def is_made(self) -> bool:
        """Whether training needs a directory of its own for it, instead of taking the base from where it lies."""
        return self.name == MULTILINGUAL or self.layers is not None or self.vocabulary is not None or self.recipe.levels

    @property
    def needs_texts(self) -> bool:
        """Whether the catalogue's texts decide what comes out."""
        return self.vocabulary is not None or self.learns

    @property
    def learns(self) -> bool:
        """Whether the texts of the training products change its weights."""
        return self.recipe.levels or self.healing_steps > 0

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
            origin = [file_digest(file) for file in files] or [source]
        return {
            "origin": origin,
            "layers": self.layers and list(self.layers),
            "vocabulary": self.vocabulary,
            "healing_steps": self.healing_steps,
            "precision": self.precision if self.healing_steps else None,
            "healing_limit_s": self.healing_limit_s if self.healing_steps else None,
        }


def plan_base(settings: TrainingSettings, languages: Mapping[str, int]) -> BasePlan:
    """Decide on the base.

    Args:
        settings: those of the base are used.
        languages: language code → number of training products; decides where `base` is `auto`.

    Raises:
        BaseModelError: the base can't be found or loaded, or has too few positions for `max_length`.
    """
    name, reason = settings.base, "training.base names it."
    if name == AUTO:
        name, reason = choose_base(languages)
    if name == MULTILINGUAL:
        check_length(settings.max_length, name, MULTILINGUAL_POSITIONS)
        recipe = MULTILINGUAL_MINILM
    else:
        recipe = resolve_base(name, settings.max_length).recipe
    # Within few minutes the whole base learns more than one that has lost layers and has to be healed first.
    layers = recipe.layers if settings.minutes is None else None
    if settings.base_layers != "auto":
        layers = None if settings.base_layers == "all" else tuple(settings.base_layers)
    vocabulary = recipe.vocabulary
    if settings.base_vocabulary != "auto":
        vocabulary = None if settings.base_vocabulary == "all" else settings.base_vocabulary
    healing_steps = recipe.healing_steps if layers is not None else 0
    limit = None if settings.minutes is None else 60 * settings.minutes * HEALING_SHARE
    return BasePlan(name, reason, recipe, layers, vocabulary, healing_steps, settings.precision, limit)


def find_or_make_base(plan: BasePlan, texts: Iterable[str], directory: Path, max_length: int) -> BaseModel:
    """Give the planned base: from where it lies, or pruned and written to a directory of its own.

    Of several processes one makes the directory, and the others wait for it.

    Args:
        plan: what is wanted.
        texts: those of the training products; gone through several times, so no iterator.
        directory: where a base that has to be made goes.
        max_length: tokens a text is cut at; must fit the base's positions.

    Raises:
        BaseModelError: the base can't be found, fetched, loaded or pruned, or has too few positions.
        Busy: the directory is being written by another program.
    """
    if plan.is_made:
        write_base(plan, texts, directory)
        base = resolve_base(plan.name, max_length, str(directory))
        made = json.loads((directory / MADE_FILE).read_text(encoding="utf-8"))
        return replace(base, reason=plan.reason, making_seconds=made["seconds"])
    return replace(resolve_base(plan.name, max_length), reason=plan.reason)


def write_base(plan: BasePlan, texts: Iterable[str], directory: Path, *, force: bool = False) -> bool:
    """Write the planned base to a directory, unless it is there already, made from the same things.

    Args:
        plan: what is wanted.
        texts: those of the training products, as above; none where the base is to lose nothing.
        directory: appears whole, or stays as it was.
        force: write it again.

    Returns:
        Whether it has been written now.

    Raises:
        BaseModelError: the base can't be found, fetched, loaded or pruned.
        Busy: the directory is being written by another program.
    """
    learnt_from = sample(texts, LEARNING_TEXTS) if plan.learns else []
    healing = Healing(plan.healing_steps, learnt_from, plan.precision, plan.healing_limit_s)
    step = Step(
        "The base",
        directory,
        {
            "the base": {"name": plan.name, **plan.fingerprint()},
            "the catalogue's texts": None if plan.vocabulary is None else _digest_of_texts(texts),
            "the training products' texts": _digest_of_texts(healing.texts) if plan.learns else None,
            "the code": code_digest("training.base.writing", without=READERS),
            "the versions": versions(("tokenizers", "torch", "transformers")),
        },
    )
    # Of several processes one makes it. The step's own lock does not wait.
    with locked(directory.with_name(f"{directory.name}.processes"), timeout_s=-1):
        if not step.is_due(force=force):
            return False
        with step.making() as staging:
            begun = now()
            if plan.name == MULTILINGUAL:
                write_multilingual(staging, texts, plan.layers, plan.vocabulary, healing)
            else:
                base = resolve_base(plan.name, 1)
                write_pruned(staging, base, texts, plan.layers, plan.vocabulary, healing, plan.recipe.levels)
            made = {"seconds": round(now() - begun, 1)}
            (staging / MADE_FILE).write_text(json.dumps(made) + "\n", encoding="utf-8")
    return True


def _digest_of_texts(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "replace") + b"\n")
    return digest.hexdigest()
