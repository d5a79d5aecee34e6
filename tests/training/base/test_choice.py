"""Which base `auto` takes, and of which languages it is warned."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import TrainingSettings
from training.base import plan_base, unread_languages


@pytest.mark.parametrize(
    ("languages", "name", "reason"),
    [
        ({"en": 900}, "english", "all training products are in English"),
        (
            {"en": 970, "zh": 30},
            "english",
            "less than 5% of the training products aren't in English (97.0% en, 3.0% zh)",
        ),
        ({"en": 95, "zh": 5}, "multilingual", "5.0% of the training products aren't in English (95.0% en, 5.0% zh)"),
        ({"zh": 12}, "multilingual", "100.0% of the training products aren't in English (100.0% zh)"),
        ({"en": 90, "de": 6, "zh": 4}, "multilingual", "10.0% of the training products aren't in English"),
        ({"ko": 40, "en": 2, "und": 2}, "multilingual", "95.5% of the training products aren't in English (90.9% ko"),
        (
            {"en": 994, "de": 1, "es": 1, "fr": 1, "hu": 1, "it": 1, "pl": 1},
            "english",
            "(99.4% en, 0.1% de, 0.1% es, 0.1% fr, 0.1% hu, …)",
        ),
        ({}, "english", "all training products are in English"),
    ],
)
def test_the_languages_of_the_catalogue_decide(languages: dict[str, int], name: str, reason: str) -> None:
    plan = plan_base(TrainingSettings(), languages)
    assert plan.name == name
    assert plan.reason.startswith("auto chose it, because") and reason in plan.reason


def test_a_base_that_is_named_is_taken_whatever_the_catalogue_speaks() -> None:
    plan = plan_base(TrainingSettings(base="english"), {"zh": 100})
    assert (plan.name, plan.reason, plan.is_made) == ("english", "training.base names it.", False)


def test_only_the_multilingual_base_is_pruned_without_being_asked(tiny_base: Path) -> None:
    assert plan_base(TrainingSettings(base="multilingual"), {}).layers == (0, 2, 4, 6, 8, 10)
    assert plan_base(TrainingSettings(base="multilingual"), {}).vocabulary == 32_000
    assert not plan_base(TrainingSettings(base=str(tiny_base), max_length=64), {}).is_made
    asked = plan_base(TrainingSettings(base=str(tiny_base), base_layers=[1], base_vocabulary=9000, max_length=64), {})
    assert (asked.is_made, asked.layers, asked.vocabulary) == (True, (1,), 9000)
    whole = plan_base(TrainingSettings(base="multilingual", base_layers="all", base_vocabulary="all"), {})
    assert (whole.is_made, whole.layers, whole.vocabulary) == (True, None, None)


def test_languages_of_many_products_and_many_unknown_tokens_are_named() -> None:
    languages = {"en": 500, "zh": 400, "de": 60, "ja": 40}
    unknown = {"en": 0.0, "zh": 0.55, "de": 0.02, "ja": 0.9}
    assert list(unread_languages(languages, unknown)) == [("zh", 0.4, 0.55)]
    assert list(unread_languages({}, {})) == []
