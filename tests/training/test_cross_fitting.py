"""Where few products validate, the training products do: each by a model that has not seen it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.prepared import Example
from settings import Settings
from tests.training.conftest import SettingsMaker, make_products, write_catalog
from training import frozen, pipeline
from training.chain import cross_fitted
from training.chain.cross_fitted import FOLDS, fold_numbers, make_fold, number_of_folds
from training.pipeline import Trained, train

NOUNS = (("dress", "shirt", "skirt", "scarf"), ("tea", "coffee", "honey", "rice"), ("table", "chair", "lamp", "sofa"))
BRANDS = ("Nora", "Velto", "Kimara", "Oslin", "Pendra", "Quillo", "Rasto", "Sumera")


def products(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Products that are no variants of each other; the noun gives category and tag away."""
    rows = make_products(count, start)
    for row, number in zip(rows, range(start, start + count), strict=True):
        noun = NOUNS[number % 3][number // 3 % 4]
        row["text"] = f"{BRANDS[number // 12 % 8]} {BRANDS[number // 96 % 8]} {noun}"
    return rows


PARTS = {"train": products(96), "validation": products(12, 96), "test": products(48, 120)}
FOLD_STEPS = tuple(f"Fold {number} of {FOLDS}" for number in range(1, FOLDS + 1))


@pytest.fixture(autouse=True)
def folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made in these tests."""
    monkeypatch.setattr(cross_fitted, "ENOUGH_VALIDATION", 100)


@pytest.fixture
def small(settings_for: SettingsMaker) -> Settings:
    settings = settings_for(epochs=1, ngram_buckets=512, baseline=False)
    write_catalog(settings.build_dir / "catalog", PARTS)
    return settings


def run(settings: Settings) -> Trained:
    trained = train(settings)
    assert trained is not None
    return trained


def test_the_training_products_calibrate_too_and_a_second_run_makes_nothing(small: Settings) -> None:
    trained = run(small)
    assert trained.made[1:4] == FOLD_STEPS
    calibrated = trained.metrics["training"]["calibrated_on"]
    assert (calibrated["products"], calibrated["cross_fitted_products"]) == (12, 96)
    assert not list(small.build_dir.glob("training-fold-*"))
    assert run(small).up_to_date
    write_catalog(small.build_dir / "catalog", {**PARTS, "validation": products(15, 300)})
    assert not set(run(small).made) & set(FOLD_STEPS)


def test_an_interrupted_run_goes_on_with_the_next_fold(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def interrupted(step: Any, settings: Settings, plan: Any, encoders: Path, number: int) -> None:
        if number == 2 and made == [1]:
            made.append(0)
            raise KeyboardInterrupt
        make_fold(step, settings, plan, encoders, number)
        made.append(number)

    monkeypatch.setattr(pipeline, "make_fold", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(small)
    run(small)
    assert made == [1, 0, 2, 3]


def test_variants_of_a_product_are_in_one_fold_and_each_category_in_all() -> None:
    rows = [Example(row["id"], "en", row["text"], row["category"]) for row in products(96)]
    colours = [
        Example(f"{row.id}-{colour}", "en", f"{row.text}, {colour}", row.category)
        for row in rows
        for colour in ("red", "blue")
    ]
    numbers = fold_numbers([*rows, *colours], 13)
    assert (np.repeat(numbers[: len(rows)], 2) == numbers[len(rows) :]).all()
    for category in {row.category for row in rows}:
        sizes = Counter(numbers[: len(rows)][[row.category == category for row in rows]].tolist())
        assert set(sizes) == {0, 1, 2} and max(sizes.values()) < 2 * min(sizes.values())


def test_there_are_no_folds_where_enough_products_validate_or_the_time_is_bounded(
    settings_for: SettingsMaker, small: Settings
) -> None:
    assert number_of_folds(small) == FOLDS
    write_catalog(small.build_dir / "catalog", {**PARTS, "validation": products(100, 96)})
    assert number_of_folds(small) == 0
    write_catalog(small.build_dir / "catalog", PARTS)
    assert number_of_folds(settings_for(minutes=1.0)) == 0


def test_products_that_are_all_variants_of_one_are_no_obstacle(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=1, ngram_buckets=64, baseline=False)
    sizes = ("S", "M", "L", "XL")
    rows = [{**row, "text": f"Nora dress {sizes[place % 4]}"} for place, row in enumerate(make_products(40))]
    write_catalog(settings.build_dir / "catalog", {**PARTS, "train": rows})
    assert run(settings).metrics["training"]["calibrated_on"]["cross_fitted_products"] == 0


@pytest.mark.parametrize(
    ("rate", "decay", "taken", "least"), [(3.0, 0.3, "frozen", 0.9), (3e-3, 1e9, "fine-tuned", 0.5)]
)
def test_held_out_products_choose_between_the_fine_tuned_and_the_frozen_encoder(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch, rate: float, decay: float, taken: str, least: float
) -> None:
    """At a rate that ruins the encoder the frozen one is taken; where its head learns nothing, the fine-tuned one."""
    monkeypatch.setattr(frozen, "DECAY", decay)
    settings = settings_for(epochs=10, ngram_buckets=0, baseline=False, learning_rate=rate, head_learning_rate=rate)
    write_catalog(settings.build_dir / "catalog", {**PARTS, "validation": products(120, 96)})
    trained = run(settings)
    training = trained.metrics["training"]
    assert training["encoder"] == taken
    assert training["held_out_log_loss"][taken] == min(training["held_out_log_loss"].values())
    assert trained.metrics["test"]["category_accuracy"] > least
