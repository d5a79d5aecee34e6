"""How fast each part of the model learns, and how long at least: as the settings say, or what suits the base."""

from __future__ import annotations

from dataclasses import replace

from settings import TrainingSettings
from training.base import LearningRates, Recipe


def least_steps(settings: TrainingSettings, recipe: Recipe) -> int:
    """Say how many optimizer steps a small catalogue is trained for.

    Args:
        settings: `min_steps` may be `auto`.
        recipe: the base's.
    """
    return recipe.min_steps if settings.min_steps == "auto" else settings.min_steps


def learning_rates(settings: TrainingSettings, recipe: Recipe, *, brief: bool = False) -> LearningRates:
    """Put together what the settings give and, where they say `auto`, the base's own.

    Args:
        settings: `learning_rate` and `head_learning_rate` may be `auto`.
        recipe: the base's.
        brief: whether there is time for fewer than three epochs.
    """
    own = recipe.rates
    if brief and recipe.brief_rate is not None:
        own = replace(own, encoder=recipe.brief_rate)
    return LearningRates(
        encoder=own.encoder if settings.learning_rate == "auto" else settings.learning_rate,
        head=own.head if settings.head_learning_rate == "auto" else settings.head_learning_rate,
        embeddings=own.embeddings,
    )
