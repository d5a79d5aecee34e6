"""The moving average of the weights: what is kept, and what of it survives an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from training.averaging import WeightAverage


def linear(value: float) -> nn.Linear:
    """A layer all of whose weights are this value."""
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.fill_(value)
    return layer


def averaged(average: WeightAverage, model: nn.Linear) -> float:
    """The weight that the average puts into the model."""
    with average.in_place_of(model):
        return float(model.weight[0, 0].detach())


def set_to(model: nn.Linear, value: float) -> None:
    """Take a step to this value."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(value)


def test_the_first_step_is_the_average_and_each_next_one_moves_it() -> None:
    model = linear(0.0)
    average = WeightAverage(model, decay=0.5)
    set_to(model, 4.0)
    average.update(model)
    assert averaged(average, model) == 4.0
    set_to(model, 8.0)
    average.update(model)
    # Of one step the average keeps (1 + 1) / (10 + 1), less than the decay.
    assert averaged(average, model) == pytest.approx(8.0 - 4.0 * 2 / 11)
    assert float(model.weight[0, 0].detach()) == 8.0, "the model goes on from its own weights"


def test_after_many_steps_the_decay_says_how_much_is_kept() -> None:
    model = linear(1.0)
    average = WeightAverage(model, decay=0.9)
    for _ in range(200):
        average.update(model)
    set_to(model, 2.0)
    average.update(model)
    assert averaged(average, model) == pytest.approx(1.1)


def test_a_decay_of_0_keeps_the_last_steps_weights() -> None:
    model = linear(1.0)
    average = WeightAverage(model, decay=0.0)
    for value in (2.0, 5.0):
        set_to(model, value)
        average.update(model)
    assert averaged(average, model) == 5.0


def test_what_does_not_learn_is_left_alone() -> None:
    model = linear(1.0)
    model.bias.requires_grad = False
    average = WeightAverage(model, decay=0.9)
    average.update(model)
    set_to(model, 3.0)
    average.copy_to(model)
    assert (float(model.weight[0, 0].detach()), float(model.bias[0])) == (1.0, 3.0)


def test_a_saved_average_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    model = linear(1.0)
    average = WeightAverage(model)
    for value in (1.0, 2.0, 3.0):
        set_to(model, value)
        average.update(model)
    average.save(tmp_path)
    resumed = WeightAverage(linear(0.0))
    resumed.load(tmp_path)
    for one in (average, resumed):
        set_to(model, 7.0)
        one.update(model)
    assert averaged(resumed, model) == averaged(average, model)
