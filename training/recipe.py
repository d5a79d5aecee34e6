"""Which encoders a catalogue is given as candidates, and why: fine-tuned, frozen, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from catalog.taxonomy import Taxonomy
from settings import TrainingSettings

FINE_TUNED: Literal["fine-tuned"] = "fine-tuned"
FROZEN: Literal["frozen"] = "frozen"
FEW_A_CATEGORY = 2.0
"""With fewer products for each category, nothing is fine-tuned: with 1.2 it lost six points, with 11 held-out products
preferred it. What lies between was not measured (docs/experiments/few-labels.md)."""
MOST_PRODUCTS = 20_000
"""With more training products fine-tuning has always been better."""
MOST_CELLS = 2**25
"""Products times labels: the frozen encoder's head is fitted on all of them at once, in about half a GiB."""


@dataclass(frozen=True)
class EncoderRecipe:
    """What is made.

    Attributes:
        candidates: `FINE_TUNED`, `FROZEN`, or both; of both, held-out products choose.
        reason: why, a sentence.
    """

    candidates: tuple[str, ...]
    reason: str


def choose_recipe(settings: TrainingSettings, products: int, taxonomy: Taxonomy) -> EncoderRecipe:
    """Choose by the settings, the number of training products and the labels.

    Args:
        settings: `recipe` and `minutes` are used.
        products: for training.
        taxonomy: the labels.
    """
    if settings.recipe != "auto":
        return EncoderRecipe((settings.recipe,), f"training.recipe is {settings.recipe}.")
    if settings.minutes is not None:
        return EncoderRecipe((FINE_TUNED,), "The encoder is fine-tuned, as training.minutes bounds the time.")
    if products * taxonomy.layout.width > MOST_CELLS:
        reason = "The encoder is fine-tuned: for a frozen one there are too many products and labels to fit at once."
        return EncoderRecipe((FINE_TUNED,), reason)
    if products > MOST_PRODUCTS:
        reason = f"The encoder is fine-tuned, as there are more than {MOST_PRODUCTS:,} products."
        return EncoderRecipe((FINE_TUNED,), reason)
    categories = len(taxonomy.categories)
    if products < FEW_A_CATEGORY * categories:
        few = f"{products:,} products for {categories:,} categories are too few to tune it"
        return EncoderRecipe((FROZEN,), f"The encoder is left as it is, under a fitted head: {few}.")
    reason = "The encoder is fine-tuned, and also left as it is under a fitted head: held-out products choose."
    return EncoderRecipe((FINE_TUNED, FROZEN), reason)
