"""The pretrained encoder that training starts from: chosen, fetched, pruned, and laid out as a directory."""

from training.base.choice import unread_languages
from training.base.errors import BaseModelError
from training.base.plan import BasePlan, find_or_make_base, plan_base, write_base
from training.base.recipe import LearningRates, Recipe
from training.base.resolve import BaseModel, resolve_base

__all__ = [
    "BaseModel",
    "BaseModelError",
    "BasePlan",
    "LearningRates",
    "Recipe",
    "find_or_make_base",
    "plan_base",
    "resolve_base",
    "unread_languages",
    "write_base",
]
