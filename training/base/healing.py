"""Heals an encoder that has lost layers: it learns to give the vectors that the whole one gives.

A removed layer leaves the next ones with inputs that they have never seen. Much of what the encoder knows of words goes
with it, of words that no training product holds in particular. A short distillation (Sanh et al., "DistilBERT", 2019)
on the texts of the training products brings most of that back. It needs no labels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from tokenizers import Tokenizer
from transformers import AutoModel, BertModel

from training.base.texts import DEVICE, ENOUGH, batches, mean_vectors
from training.pace import now
from training.precision import computes_in_bf16

logger = logging.getLogger(__name__)

LEARNING_RATE = 5e-4
WARM_UP_STEPS = 30
SAMPLE_BATCHES = 16
"""Batches on which the spread of the vectors' numbers is measured."""
LOG_STEPS = 100


@dataclass(frozen=True)
class Healing:
    """What an encoder that has lost layers is healed with.

    Attributes:
        steps: batches it learns from.
        texts: those of the training products.
        precision: `training.precision`: in which numbers it computes.
        limit_s: how long it may take, in seconds; None: as long as it takes.
    """

    steps: int
    texts: Sequence[str]
    precision: str = "auto"
    limit_s: float | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to do, and to do it with."""
        return self.steps > 0 and len(self.texts) >= ENOUGH


def heal(pruned: BertModel, whole: BertModel, tokenizer: Tokenizer, pad_token_id: int, healing: Healing) -> None:
    """Teach the pruned encoder the whole one's vectors of tokens and of texts; the vocabulary's vectors stay.

    Each number of a vector is compared by its own spread: nearly all of the length of multilingual-e5's vectors lies in
    what all texts have in common.

    Args:
        pruned: what learns.
        whole: what it was made of, with the same pieces.
        tokenizer: that of both; it neither cuts nor pads.
        pad_token_id: what fills the short rows of a batch.
        healing: steps and texts.
    """
    # In single steps attention learns faster on a CPU than fused (training/fine_tuning.py).
    learner = AutoModel.from_config(pruned.config, attn_implementation="eager", add_pooling_layer=False)
    learner.load_state_dict(pruned.state_dict())
    torch.nn.Module.to(learner, DEVICE).eval()  # without dropout: nothing of what it shall learn is chance
    learner.embeddings.word_embeddings.requires_grad_(False)
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    begun = now()
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARM_UP_STEPS, 1.0 - _progress(step, healing, now() - begun))
    )
    torch.nn.Module.to(whole, DEVICE).eval()
    drawn = batches(healing.texts, tokenizer, pad_token_id)
    numbers = partial(torch.autocast, DEVICE, dtype=torch.bfloat16, enabled=computes_in_bf16(healing.precision))
    scale = _spread([_taught(whole, *next(drawn), numbers) for _ in range(SAMPLE_BATCHES)])
    for step in range(1, healing.steps + 1):
        ids, mask = next(drawn)
        with numbers():
            learnt = learner(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        loss = _distance(learnt, _taught(whole, ids, mask, numbers)[0], mask, scale)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % LOG_STEPS == 0 or step == healing.steps:
            logger.info("Healing the base, step %d of %d: distance %.3f.", step, healing.steps, loss.item())
        if healing.limit_s is not None and now() - begun >= healing.limit_s:
            logger.info("Healing the base ended with its time, after %d of %d steps.", step, healing.steps)
            break
    pruned.load_state_dict(learner.cpu().state_dict())


def _progress(step: int, healing: Healing, elapsed: float) -> float:
    """From 0 to 1, by the steps or by the clock, whichever is further."""
    return min(1.0, max(step / healing.steps, elapsed / healing.limit_s if healing.limit_s else 0.0))


def _taught(
    whole: BertModel, ids: torch.Tensor, mask: torch.Tensor, numbers: Callable[[], torch.autocast]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The whole encoder's vectors, float32 [B, L, H], and the mask again."""
    with torch.no_grad(), numbers():
        return whole(input_ids=ids, attention_mask=mask).last_hidden_state.float(), mask


def _spread(batches: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """The standard deviation of each number [H] of the tokens' vectors, and of the texts'."""
    tokens = torch.cat([vectors[mask > 0] for vectors, mask in batches])
    texts = torch.cat([mean_vectors(vectors, mask) for vectors, mask in batches])
    return tokens.std(dim=0), texts.std(dim=0)


def _distance(
    learnt: torch.Tensor, taught: torch.Tensor, mask: torch.Tensor, spread: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Mean squared difference of tokens' vectors [B, L, H] and of texts', in standard deviations, summed."""
    tokens, texts = spread
    difference = learnt - taught
    return ((difference[mask > 0] / tokens) ** 2).mean() + ((mean_vectors(difference, mask) / texts) ** 2).mean()
