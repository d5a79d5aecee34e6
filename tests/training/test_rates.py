"""Learning rates: the base's own where the settings leave them open."""

from __future__ import annotations

from settings import TrainingSettings
from training.base import LearningRates, Recipe
from training.rates import learning_rates, least_steps

RECIPE = Recipe("a base", rates=LearningRates(3e-4, 5e-3, 7e-4), min_steps=500)


def test_where_the_settings_leave_it_open_the_bases_recipe_decides() -> None:
    assert learning_rates(TrainingSettings(), RECIPE) == RECIPE.rates
    assert least_steps(TrainingSettings(), RECIPE) == 500


def test_a_rate_that_is_given_counts_for_every_base() -> None:
    settings = TrainingSettings(learning_rate=2e-5, head_learning_rate=1e-4)
    assert learning_rates(settings, RECIPE) == LearningRates(2e-5, 1e-4, 7e-4)
    assert least_steps(TrainingSettings(min_steps=7), RECIPE) == 7
