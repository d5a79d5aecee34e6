"""`training.minutes`: what is planned within them, and that they are kept on a machine of any speed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from settings import TrainingSettings
from tests.training.conftest import SettingsMaker, make_products, write_catalog
from training import pace as pace_module
from training.base import Recipe, plan_base
from training.base.recipe import LearningRates
from training.pace import Pace
from training.pipeline import train
from training.rates import learning_rates
from training.time_plan import StepSeconds, TimePlan, plan_in_time
from training.trainer import ProductTaggingTrainer

PARTS: Mapping[str, Any] = {
    "train": make_products(160),
    "validation": make_products(210, 1000),
    "test": make_products(30, 2000),
}


class FakeClock:
    """Tells the time in steps of its own: each look at it takes so many seconds."""

    def __init__(self, seconds_a_look: float) -> None:
        self.seconds_a_look = seconds_a_look
        self.time = 1000.0

    def __call__(self) -> float:
        """Return the time, which has gone on."""
        self.time += self.seconds_a_look
        return self.time


def plan(seconds: float, **options: Any) -> TimePlan:
    """A plan for twelve layers that ask for 1,200 steps in four epochs."""
    times = StepSeconds(whole=1.2, upper=0.8)
    return plan_in_time(4, seconds, times, full_steps=1200, steps_per_epoch=300, layers=12, **options)


def test_where_all_of_it_fits_nothing_is_given_up() -> None:
    found = plan(1200 * 1.2 + 60, evaluating=10.0, evaluations=5)
    assert (found.steps, found.frozen_layers, found.given_up, found.is_brief) == (1200, 0, "", False)
    assert "is enough for 4 epochs (1,200 steps of 1.20 s, about 24.8 min)" in found.reason


def test_looking_at_the_validation_part_counts() -> None:
    assert plan(1200 * 1.2, evaluating=10.0, evaluations=5).given_up
    assert plan(1200 * 1.2 + 60, evaluating=10.0, evaluations=5).limit_s == 1200 * 1.2 + 50


def test_where_it_does_not_fit_the_lowest_third_stays_as_it_is_and_steps_are_left_out() -> None:
    found = plan(240.0)
    assert (found.steps, found.epochs, found.frozen_layers, found.is_brief) == (300, 1.0, 4, True)
    assert "About 300 steps of 0.80 s are made (1.00 epochs)" in found.reason
    assert "the lowest 4 of 12 layers" in found.given_up
    assert "3.0 of 4 epochs are left out" in found.given_up


def test_where_leaving_out_the_lowest_third_suffices_no_step_is_left_out() -> None:
    found = plan(1200 * 0.9)
    assert (found.steps, found.frozen_layers, found.is_brief) == (1200, 4, False)
    assert "left out" not in found.given_up


def test_the_only_layer_of_a_base_learns_in_any_case() -> None:
    found = plan_in_time(4, 240, StepSeconds(1.2, 0.8), full_steps=1200, steps_per_epoch=300, layers=1)
    assert found.frozen_layers == 0
    assert "layer" not in found.given_up


def test_a_machine_twice_as_fast_makes_twice_as_many_steps() -> None:
    fast = plan_in_time(4, 240, StepSeconds(0.6, 0.4), full_steps=1200, steps_per_epoch=300, layers=12)
    assert fast.steps == 2 * plan(240.0).steps


@pytest.mark.parametrize("seconds_a_step", [0.5, 1.0, 3.0])
def test_the_rate_rises_and_comes_down_to_0_on_a_machine_of_any_speed(seconds_a_step: float) -> None:
    pace = Pace(100.0, 0.1, FakeClock(seconds_a_step))
    factors = [pace.rate_factor(0, 150)]
    while not pace.is_over and len(factors) < 150:
        factors.append(pace.rate_factor(len(factors), 150))
    assert len(factors) == pytest.approx(min(150, 100 / seconds_a_step), abs=2)
    assert 0 < factors[0] < max(factors)
    assert max(factors) == pytest.approx(1.0, abs=0.1)
    assert factors[-1] < 0.05
    assert factors[factors.index(max(factors)) :] == sorted(factors[factors.index(max(factors)) :], reverse=True)


def test_a_training_that_turns_out_slower_than_planned_ends_on_time() -> None:
    clock = FakeClock(1.0)
    pace = Pace(100.0, 0.06, clock)
    steps = 0
    while not pace.is_over:
        clock.seconds_a_look = 5.0 if steps > 20 else 1.0  # someone else begins to use the machine
        steps += 1
        pace.rate_factor(steps, 100)
    assert pace.elapsed <= 100
    assert 20 < steps < 50


def test_a_run_that_goes_on_has_the_rest_of_the_time(tmp_path: Any) -> None:
    pace = Pace(100.0, 0.06, FakeClock(1.0))
    for step in range(60):
        pace.rate_factor(step, 1000)
    pace.save(tmp_path)
    resumed = Pace(100.0, 0.06, FakeClock(1.0))
    resumed.load(tmp_path)
    steps = 60
    while not resumed.is_over:
        steps += 1
        resumed.rate_factor(steps, 1000)
    assert steps == pytest.approx(100, abs=2)


class _Rates(TrainerCallback):
    """Keeps the rate of each step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.seen.append(max(kwargs["lr_scheduler"].get_last_lr()))


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> _Rates:
    """The rates of the run that follows."""
    kept, init = _Rates(), ProductTaggingTrainer.__init__

    def watched(self: ProductTaggingTrainer, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.callback_handler.callbacks.append(kept)

    monkeypatch.setattr(ProductTaggingTrainer, "__init__", watched)
    return kept


def trained_with(clock: Callable[[], float], settings: Any, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """What the model card says of a training by this clock."""
    for module in ("pace", "fine_tuning"):
        monkeypatch.setattr(f"training.{module}.now", clock)
    write_catalog(settings.build_dir / "catalog", PARTS)
    found = train(settings)
    assert found is not None
    facts: Mapping[str, Any] = found.metrics["training"]
    return facts


def test_a_whole_training_ends_on_time_with_a_rate_that_has_come_down_to_0(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch, rates: _Rates, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock(1.0)
    with caplog.at_level(logging.INFO):
        facts = trained_with(clock, settings_for(minutes=1.0, epochs=100), monkeypatch)
    assert clock.time - 1000 <= 62  # a look at the clock takes a second
    assert 40 < facts["steps"] < 60
    assert facts["planned_steps"] == pytest.approx(facts["steps"], abs=10)
    assert max(rates.seen) > 0.9e-2 and rates.seen[-1] < 0.05e-2
    assert facts["plan"]["reason"] in caplog.text and facts["plan"]["given_up"] in caplog.text
    assert facts["plan"]["given_up"] in (settings_for().build_dir / "checkpoint" / "README.md").read_text()
    assert facts["best_step"] is None, "nothing is looked at on the way"


def test_without_a_bound_the_steps_do_not_depend_on_the_clock(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = trained_with(FakeClock(1000.0), settings_for(epochs=2), monkeypatch)
    assert (facts["steps"], facts["plan"]) == (22, None)


def test_a_bound_that_suffices_changes_nothing_but_says_so(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = trained_with(FakeClock(0.001), settings_for(minutes=10.0, epochs=2), monkeypatch)
    assert (facts["steps"], facts["plan"]["given_up"]) == (22, "")


def test_within_a_bound_the_multilingual_base_keeps_its_layers_unless_some_are_named() -> None:
    bounded = {"base": "multilingual", "minutes": 4}
    assert plan_base(TrainingSettings.model_validate(bounded), {}).layers is None
    named = plan_base(TrainingSettings.model_validate({**bounded, "base_layers": [0, 6]}), {})
    assert named.layers == (0, 6)
    assert named.healing_limit_s == 60, "the rest is for fine-tuning"


def test_a_brief_training_learns_at_the_recipes_brief_rate_unless_one_is_named() -> None:
    recipe = Recipe("a base", rates=LearningRates(1e-4, 1e-3, 1e-4), brief_rate=4e-4)
    assert learning_rates(TrainingSettings(), recipe, brief=True) == LearningRates(4e-4, 1e-3, 1e-4)
    assert learning_rates(TrainingSettings(learning_rate=5e-5), recipe, brief=True).encoder == 5e-5


def test_the_plan_survives_an_interruption(tmp_path: Any) -> None:
    found = plan(240.0)
    found.write(tmp_path)
    assert TimePlan.read(tmp_path) == found
    assert json.loads((tmp_path / "plan.json").read_text())["frozen_layers"] == 4
    assert pace_module.now() > 0


def test_an_interrupted_training_goes_on_with_its_plan_and_the_rest_of_its_time(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch, rates: _Rates
) -> None:
    settings, clock = settings_for(minutes=1.0, epochs=100), FakeClock(1.0)
    monkeypatch.setattr("training.pace.SAVE_SECONDS", 10.0)
    seen = rates.on_step_end

    def interrupting(*args: Any, **kwargs: Any) -> None:
        seen(*args, **kwargs)
        if len(rates.seen) == 30:
            raise KeyboardInterrupt

    monkeypatch.setattr(rates, "on_step_end", interrupting)
    with pytest.raises(KeyboardInterrupt):
        trained_with(clock, settings, monkeypatch)
    clock.time += 10_000  # the machine was off for a while
    facts = trained_with(clock, settings, monkeypatch)
    assert facts["resumed_at_step"] >= 10
    assert 40 < facts["steps"] < 60
    assert rates.seen[-1] < 0.05e-2
    assert facts["plan"]["given_up"]
