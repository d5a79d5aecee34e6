"""The moving average of the weights over the last steps, which is the model that is kept.

Single steps throw the weights about; their average lies nearer to the middle of the valley and generalises better
(Polyak and Juditsky, 1992; Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

AVERAGE_FILE = "average.pt"
DECAY = 0.999
WARM_UP = 10
"""The average of the first n steps looks back over about n ÷ 10 of them, so that short runs don't keep their start."""


class WeightAverage(TrainerCallback):
    """Keeps the exponential moving average of a model's weights.

    Args:
        model: whose weights are averaged after each step.
        decay: share of the average that a step keeps, below 1; 0 makes the average the last step's weights.
    """

    def __init__(self, model: nn.Module, decay: float = DECAY) -> None:
        def blend(averages: Sequence[torch.Tensor], weights: Sequence[torch.Tensor], steps: Any) -> None:
            kept = min(decay, (1.0 + float(steps)) / (WARM_UP + float(steps)))
            torch._foreach_lerp_(list(averages), list(weights), 1.0 - kept)

        self._average = AveragedModel(model, multi_avg_fn=blend)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take the step's weights into the average."""
        self._average.update_parameters(kwargs["model"])

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
        model.load_state_dict(self._average.module.state_dict())

    def save(self, directory: Path) -> None:
        """Write the average beside a checkpoint's files."""
        torch.save(self._average.state_dict(), directory / AVERAGE_FILE)

    def load(self, directory: Path) -> None:
        """Read what `save` wrote."""
        self._average.load_state_dict(torch.load(directory / AVERAGE_FILE, map_location="cpu", weights_only=True))

    def _exchange(self, model: nn.Module) -> None:
        for own, averaged in zip(model.parameters(), self._average.module.parameters(), strict=True):
            own.data, averaged.data = averaged.data, own.data
