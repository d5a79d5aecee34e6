"""What is compared: functions from tokens on a device to probabilities, which are computed when they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from export.checkpoint import Checkpoint

Compute = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""input_ids, attention_mask int64 [B, L] → probabilities float32 [B, C + T], all on one device."""


@dataclass(frozen=True)
class Contender:
    """One of those compared.

    Attributes:
        name: What tables call it.
        compute: Returns when the answer is there, not when it is on its way.
    """

    name: str
    compute: Compute


def pytorch(checkpoint: Checkpoint, device: str, dtype: torch.dtype, *, compiled: bool = False) -> Contender:
    """The checkpoint in PyTorch, with the softmax and the sigmoids that are part of the plan.

    Args:
        checkpoint: Its model is loaded anew.
        device: Such as `cuda:0`.
        dtype: Of weights and activations; the probabilities are computed in float32.
        compiled: By torch.compile, which also captures CUDA graphs; every new shape takes it a while.
    """
    # transformers' types say nothing of `to`'s overloads.
    model: Any = checkpoint.load_model()
    model = model.to(device=device, dtype=dtype).eval()
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
    return Contender(f"PyTorch {precision}, {'compiled' if compiled else 'eager'}", compute)


def without_failing(
    contenders: Sequence[Contender], length: int, device: str, tell: Callable[[str], None]
) -> list[Contender]:
    """Those that can compute one text.

    torch.compile needs a C compiler at run time, for instance, and one that can't take part is no reason to measure
    nothing.

    Args:
        contenders: All of them.
        length: Tokens of the text.
        device: Where the tokens lie.
        tell: Gets a line for each that is left out.
    """
    tokens = torch.ones((1, length), dtype=torch.int64, device=device)
    usable = []
    for contender in contenders:
        try:
            contender.compute(tokens, tokens)
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            tell(f"{contender.name} is left out, as it can't compute: {type(error).__name__}: {reason}")
        else:
            usable.append(contender)
    return usable
