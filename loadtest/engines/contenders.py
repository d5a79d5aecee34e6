"""What is compared: functions from tokens on a device to probabilities, and the time that they take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from export.checkpoint import Checkpoint
from loadtest.bench.measure import Load, Round

Compute = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""input_ids, attention_mask int64 [B, L] → probabilities float32 [B, C + T], all on one device."""
WARM_UP_RUNS = 5
"""The first runs of a shape take memory, choose kernels or compile."""
FIRST_TOKEN, LAST_TOKEN = 1000, 20_000
"""Token ids are drawn between these; which they are changes no time."""


@dataclass(frozen=True)
class Conditions:
    """How all are measured.

    Attributes:
        device: Where the tokens lie, such as `cuda:0`.
        vocabulary: Token ids are below it.
        seconds: Of one round of one contender and shape.
    """

    device: str
    vocabulary: int
    seconds: float

    def tokens(self, batch: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and mask int64 [batch, length]; none is padding, so that all compute the same."""
        low, high = min(FIRST_TOKEN, self.vocabulary - 1), min(LAST_TOKEN, self.vocabulary)
        ids = torch.randint(low, high, (batch, length), generator=torch.Generator().manual_seed(13)).to(self.device)
        return ids, torch.ones_like(ids)


@dataclass(frozen=True, eq=False)
class Contender:
    """One of those compared.

    Attributes:
        name: What tables call it.
        compute: Returns when the answer is there, not when it is on its way.
        conditions: How it is measured.
    """

    name: str
    compute: Compute
    conditions: Conditions

    def run(self, load: Load) -> Round:
        """Measures one round of a shape: `load.clients` texts of `load.texts` tokens."""
        ids, mask = self.conditions.tokens(load.clients, load.texts)
        for _ in range(WARM_UP_RUNS):
            self.compute(ids, mask)
        times: list[float] = []
        end, cpu = time.perf_counter() + self.conditions.seconds, time.process_time()
        while not times or time.perf_counter() < end:
            started = time.perf_counter()
            self.compute(ids, mask)
            times.append(1000 * (time.perf_counter() - started))
        spent = 1000 * (time.process_time() - cpu)
        p50, p99 = (float(value) for value in np.percentile(times, [50, 99]))
        texts = len(times) * load.clients
        return Round(1000 * load.clients / p50, p50, p99, spent / texts, 0.0, 0, "", 0.0, 0.0)


def pytorch(checkpoint: Checkpoint, conditions: Conditions, dtype: torch.dtype, *, compiled: bool = False) -> Contender:
    """The checkpoint in PyTorch, with the softmax and the sigmoids that are part of the plan.

    Args:
        checkpoint: Its model is loaded anew.
        conditions: How it is measured.
        dtype: Of weights and activations; the probabilities are computed in float32.
        compiled: By torch.compile, which also captures CUDA graphs; every new shape takes it a while.
    """
    # transformers' types say nothing of `to`'s overloads.
    model: Any = checkpoint.load_model()
    model = model.to(device=conditions.device, dtype=dtype).eval()
    layout = checkpoint.taxonomy.layout

    def answer(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return layout.probabilities(model(input_ids, attention_mask).logits.float())

    quick: Compute = torch.compile(answer, mode="reduce-overhead", dynamic=False) if compiled else answer

    @torch.inference_mode()
    def compute(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        scores = quick(input_ids, attention_mask)
        if scores.is_cuda:
            torch.cuda.synchronize(scores.device)
        return scores

    precision = str(dtype).removeprefix("torch.")
    return Contender(f"PyTorch {precision}, {'compiled' if compiled else 'eager'}", compute, conditions)


def without_failing(contenders: Sequence[Contender], length: int, tell: Callable[[str], None]) -> list[Contender]:
    """Those that can compute one text.

    torch.compile needs a C compiler at run time, for instance, and one that can't take part is no reason to measure
    nothing.

    Args:
        contenders: All of them.
        length: Tokens of the text.
        tell: Gets a line for each that is left out.
    """
    usable = []
    for contender in contenders:
        try:
            contender.compute(*contender.conditions.tokens(1, length))
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            tell(f"{contender.name} is left out, as it can't compute: {type(error).__name__}: {reason}")
        else:
            usable.append(contender)
    return usable
