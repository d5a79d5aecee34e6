"""How fast each part of the model learns, and how long at least: as the settings say, or what suits the base."""

from __future__ import annotations

from dataclasses import dataclass

from settings import TrainingSettings
from training.base.builtin import MULTILINGUAL


@dataclass(frozen=True)
class LearningRates:
    """Peak learning rates.

    Attributes:
        encoder: of the encoder's layers.
        head: of the new layer on top.
        embeddings: of the vocabulary's vectors; 0 leaves them as they are.
    """

    encoder: float = 1.5e-4
    head: float = 1e-3
    embeddings: float = 3e-4


BY_BASE = {MULTILINGUAL: LearningRates(encoder=2e-4, head=2e-3)}
"""Chosen on products of the built-in catalogue's validation part (docs/experiments/multilingual-base.md)."""

MIN_STEPS = 300
MIN_STEPS_BY_BASE = {MULTILINGUAL: 600}
"""On few hundred products with hundreds of tags the loss was still falling after 300 steps."""


def least_steps(settings: TrainingSettings, base: str) -> int:
    """Say how many optimizer steps a small catalogue is trained for.

    Args:
        settings: `min_steps` may be `auto`.
        base: the base's name.
    """
    return MIN_STEPS_BY_BASE.get(base, MIN_STEPS) if settings.min_steps == "auto" else settings.min_steps


def learning_rates(settings: TrainingSettings, base: str) -> LearningRates:
    """Put together what the settings give and, where they say `auto`, the base's own.

    Args:
        settings: `learning_rate` and `head_learning_rate` may be `auto`.
        base: the base's name.
    """
    own = BY_BASE.get(base, LearningRates())
    return LearningRates(
        encoder=own.encoder if settings.learning_rate == "auto" else settings.learning_rate,
        head=own.head if settings.head_learning_rate == "auto" else settings.head_learning_rate,
        embeddings=settings.embedding_learning_rate,
    )
