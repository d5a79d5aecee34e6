"""The moving average of the weights over the last steps, which is the model that is kept.

Single steps throw the weights about; their average lies nearer to the middle of the valley and generalises better
(Polyak and Juditsky, 1992; Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

AVERAGE_FILE = "average.pt"
DECAY = 0.999
WARM_UP = 10
"""The average of the first n steps looks back over about n ÷ 10 of them, so that short runs don't keep their start."""


class WeightAverage(TrainerCallback):
    """Keeps the exponential moving average of the weights that learn.

    Args:
        model: whose weights are averaged after each step.
        decay: share of the average that a step keeps, below 1; 0 makes the average the last step's weights.
    """

    def __init__(self, model: nn.Module, decay: float = DECAY) -> None:
        self._decay = decay
        self._steps = 0
        self._average = [weight.detach().clone() for weight in _learning(model)]

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take the step's weights into the average."""
        self.update(kwargs["model"])

    def update(self, model: nn.Module) -> None:
        """Take the model's weights into the average; the first ones are the average."""
        kept = min(self._decay, (1.0 + self._steps) / (WARM_UP + self._steps)) if self._steps else 0.0
        torch._foreach_lerp_(self._average, [weight.detach() for weight in _learning(model)], 1.0 - kept)
        self._steps += 1

    @contextmanager
    def in_place_of(self, model: nn.Module) -> Iterator[None]:
        """Put the averaged weights into the model while the block runs."""
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    def copy_to(self, model: nn.Module) -> None:
        """Make the averaged weights the model's own."""
        with torch.no_grad():
            for own, averaged in zip(_learning(model), self._average, strict=True):
                own.copy_(averaged)

    def save(self, directory: Path) -> None:
        """Write the average beside a checkpoint's files."""
        torch.save({"steps": self._steps, "weights": self._average}, directory / AVERAGE_FILE)

    def load(self, directory: Path) -> None:
        """Read what `save` wrote."""
        saved = torch.load(directory / AVERAGE_FILE, map_location="cpu", weights_only=True)
        self._steps = saved["steps"]
        for own, averaged in zip(self._average, saved["weights"], strict=True):
            own.copy_(averaged)

    def _exchange(self, model: nn.Module) -> None:
        for place, own in enumerate(_learning(model)):
            own.data, self._average[place] = self._average[place], own.data


def _learning(model: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in model.parameters() if weight.requires_grad]
