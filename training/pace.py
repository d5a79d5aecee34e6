"""The clock of a training with `training.minutes`: the rate follows it, and it ends the training on time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

SAVE_SECONDS = 120.0
"""An interrupted run loses at most about so much."""
CLOCK_FILE = "clock.json"

Clock = Callable[[], float]


def now() -> float:
    """Return the seconds that have gone by since some moment."""
    return time.monotonic()


class Pace(TrainerCallback):
    """How far a training is: by its steps or by the clock, whichever is further. It ends the training on time.

    The learning rate follows it, so that it has come down to 0 at the end on a machine of any speed. Several processes
    go by the clock of the first.

    Args:
        limit_s: how long the steps may take, in seconds, those before an interruption included.
        warm_up_share: of the whole, in which the learning rate rises.
        clock: tells the time in seconds.
    """

    def __init__(self, limit_s: float, warm_up_share: float, clock: Clock) -> None:
        self._limit = limit_s
        self._warm_up = warm_up_share
        self._clock = clock
        self._begun = clock()
        self._saved = 0.0
        self._step = -1
        self.elapsed = 0.0
        self._last = 0.0

    def rate_factor(self, step: int, max_steps: int) -> float:
        """Return what the peak learning rates are multiplied by in the step after `step` steps."""
        if step != self._step:
            self._step = step
            former, self.elapsed = self.elapsed, agreed(self._clock() - self._begun)
            self._last = self.elapsed - former
        progress = min(1.0, max(step / max_steps, self.elapsed / self._limit))
        if progress < self._warm_up:
            # The very first step is one too.
            return max(progress, 1 / max_steps) / self._warm_up
        return (1.0 - progress) / (1.0 - self._warm_up)

    @property
    def is_over(self) -> bool:
        """Whether another step would not end on time."""
        return self.elapsed + self._last > self._limit

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return max(0.0, self._limit - self.elapsed)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> TrainerControl:
        """End the training when the time is over, and save every now and then."""
        if self.is_over:
            control.should_training_stop = True
        elif self.elapsed - self._saved >= SAVE_SECONDS:
            self._saved = self.elapsed
            control.should_save = True
        return control

    def save(self, directory: Path) -> None:
        """Write beside a checkpoint's files how much of the time is used up."""
        (directory / CLOCK_FILE).write_text(json.dumps({"elapsed": self.elapsed}) + "\n", encoding="utf-8")

    def load(self, directory: Path) -> None:
        """Go on from what `save` wrote."""
        self.elapsed = self._saved = float(json.loads((directory / CLOCK_FILE).read_text(encoding="utf-8"))["elapsed"])
        self._begun = self._clock() - self.elapsed


def agreed(seconds: float) -> float:
    """Return what the first of several processes says."""
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return seconds
    said = [seconds]
    torch.distributed.broadcast_object_list(said, src=0)
    return said[0]
