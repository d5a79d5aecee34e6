"""`training.minutes`: from what a step takes on this machine to a plan that fits.

Where the time is too short for all that the settings ask for, the vocabulary's vectors and the lowest third of the
layers are frozen. A step then costs a third less, and what the base knows of words is kept. In fewer than three epochs
there is little overfitting, so dropout is only a loss (docs/experiments/short-training.md).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FROZEN_SHARE = 1 / 3
BRIEF_EPOCHS = 3.0
"""Fewer epochs are made without dropout, and at the recipe's brief rate."""
PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class StepSeconds:
    """What one training step takes on this machine.

    Attributes:
        whole: where everything learns, in seconds.
        upper: where the vocabulary's vectors and the lowest layers stay as they are.
    """

    whole: float
    upper: float


@dataclass(frozen=True)
class TimePlan:
    """What is done within the time.

    Attributes:
        minutes: the bound.
        steps: about so many; the clock decides.
        epochs: passes over the training products.
        frozen_layers: the lowest layers, which stay as they are.
        step_seconds: what a step of this plan takes, as measured.
        reason: one or two sentences.
        limit_s: seconds that the steps may take.
        given_up: what the settings ask for and the time does not suffice for; empty: nothing.
    """

    minutes: float
    steps: int
    epochs: float
    frozen_layers: int
    step_seconds: float
    reason: str
    limit_s: float
    given_up: str = ""

    @property
    def is_brief(self) -> bool:
        """Whether dropout is left out, and the rate is the recipe's brief one."""
        return bool(self.given_up) and self.epochs < BRIEF_EPOCHS

    def write(self, directory: Path) -> None:
        """Keep the plan for a run that goes on after an interruption."""
        (directory / PLAN_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> TimePlan:
        """Read what `write` wrote."""
        return cls(**json.loads((directory / PLAN_FILE).read_text(encoding="utf-8")))


def plan_in_time(
    minutes: float,
    seconds: float,
    times: StepSeconds,
    *,
    full_steps: int,
    steps_per_epoch: int,
    layers: int,
    evaluating: float = 0.0,
    evaluations: int = 0,
) -> TimePlan:
    """Choose steps, and the layers that learn.

    Args:
        minutes: the bound that the settings name, for the sentences.
        seconds: what of it is left.
        times: of a step on this machine.
        full_steps: what the settings ask for.
        steps_per_epoch: steps of one epoch.
        layers: of the encoder.
        evaluating: seconds that looking at the validation part would take each time; 0: it is not looked at.
        evaluations: how many times.
    """
    full_epochs = full_steps / steps_per_epoch
    full_seconds = full_steps * times.whole + evaluations * evaluating
    if full_seconds <= seconds:
        reason = (
            f"training.minutes={minutes:g} is enough for {_epochs(full_epochs)} ({full_steps:,} steps of "
            f"{times.whole:.2f} s, about {full_seconds / 60:.1f} min)."
        )
        # The last look comes when the clock has ended the training.
        return TimePlan(minutes, full_steps, full_epochs, 0, times.whole, reason, seconds - evaluating)
    frozen = frozen_layers(layers)
    steps = max(1, min(full_steps, int(seconds / times.upper)))
    epochs = steps / steps_per_epoch
    given_up = ["nothing stops early"]
    if steps < full_steps:
        given_up.insert(0, f"{full_epochs - epochs:.1f} of {_epochs(full_epochs)} are left out")
    if frozen:
        given_up.insert(0, f"the lowest {frozen} of {layers} layers and the vocabulary's vectors stay as they are")
    reason = (
        f"training.minutes={minutes:g}: {_epochs(full_epochs)} would take about {full_seconds / 60:.0f} min on this "
        f"machine ({full_steps:,} steps of {times.whole:.2f} s). About {steps:,} steps of {times.upper:.2f} s are made "
        f"({epochs:.2f} epochs)."
    )
    return TimePlan(minutes, steps, epochs, frozen, times.upper, reason, seconds, ", ".join(given_up))


def frozen_layers(layers: int) -> int:
    """Say how many of an encoder's layers stay as they are where the time does not suffice."""
    return round(layers * FROZEN_SHARE)


def _epochs(number: float) -> str:
    return f"{number:g} epoch{'' if number == 1 else 's'}"
