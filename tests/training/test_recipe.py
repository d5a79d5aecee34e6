"""Which encoders a catalogue is given as candidates, and what is said of it."""

from __future__ import annotations

import pytest

from catalog.labels import Label
from catalog.taxonomy import Taxonomy
from settings import TrainingSettings
from training.recipe import FINE_TUNED, FROZEN, MOST_CELLS, MOST_PRODUCTS, choose_recipe

TEN = Taxonomy(tuple(Label(f"c{number}") for number in range(10)))
THOUSANDS = Taxonomy(tuple(Label(f"c{number}") for number in range(MOST_CELLS // 10_000)))


@pytest.mark.parametrize(
    ("products", "taxonomy", "candidates", "because"),
    [
        (19, TEN, (FROZEN,), "19 products for 10 categories are too few"),
        (20, TEN, (FINE_TUNED, FROZEN), "held-out products choose"),
        (MOST_PRODUCTS, TEN, (FINE_TUNED, FROZEN), "held-out products choose"),
        (MOST_PRODUCTS + 1, TEN, (FINE_TUNED,), "more than 20,000 products"),
        (10_002, THOUSANDS, (FINE_TUNED,), "too many products and labels"),
    ],
    ids=["few-a-category", "enough", "many", "too-many-products", "too-many-cells"],
)
def test_the_catalogue_decides(products: int, taxonomy: Taxonomy, candidates: tuple[str, ...], because: str) -> None:
    recipe = choose_recipe(TrainingSettings(), products, taxonomy)
    assert recipe.candidates == candidates
    assert because in recipe.reason


def test_a_bound_of_the_time_leaves_fine_tuning_alone() -> None:
    recipe = choose_recipe(TrainingSettings(minutes=5.0), 15, TEN)
    assert recipe.candidates == (FINE_TUNED,) and "training.minutes" in recipe.reason


@pytest.mark.parametrize("wish", [FINE_TUNED, FROZEN])
def test_a_shop_may_choose(wish: str) -> None:
    recipe = choose_recipe(TrainingSettings.model_validate({"recipe": wish}), 15, TEN)
    assert recipe.candidates == (wish,) and wish in recipe.reason
