"""Parts of a model that do not learn, and what a step takes without them."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from training import pace
from training.data import EncodedExamples, PaddingCollator
from training.losses import ProductTaggingLoss
from training.modeling_product_tagging import BertForProductTagging

MEASURED_STEPS = 2
"""After one that is not counted."""


def freeze_lowest(model: BertForProductTagging, layers: int) -> None:
    """Leave the embeddings and the lowest layers as they are: no gradients, no dropout. 0 layers: everything learns."""
    if not layers:
        return
    for part in (model.bert.embeddings, *model.bert.encoder.layer[:layers]):
        part.requires_grad_(False)
        leave_out_dropout(part)


def leave_out_dropout(part: nn.Module) -> None:
    """Have a part compute in training as it does in use."""
    for module in part.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def measure_step(
    model: BertForProductTagging,
    examples: EncodedExamples,
    loss: ProductTaggingLoss,
    batch_size: int,
    pad_token_id: int,
    frozen_layers: int,
    bf16: bool,
) -> float:
    """Measure what a training step takes, in seconds, on a copy of the model and texts of mean length.

    Args:
        model: stays as it is.
        examples: the training part.
        loss: over a batch.
        batch_size: of one process.
        pad_token_id: what fills the short rows of a batch.
        frozen_layers: the lowest layers, which do not learn.
        bf16: whether it computes under bfloat16 autocast.
    """
    nearest = np.argsort(np.abs(examples.lengths - examples.lengths.mean()), kind="stable")[:batch_size]
    batch = PaddingCollator(pad_token_id)([examples[row] for row in nearest.tolist()])
    batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
    probe = copy.deepcopy(model)
    probe.train()
    freeze_lowest(probe, frozen_layers)
    weights = [weight for weight in probe.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, fused=True)
    took = []
    for _ in range(1 + MEASURED_STEPS):
        begun = pace.now()
        with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=bf16):
            logits = probe(batch["input_ids"], batch["attention_mask"]).logits
        value = loss(logits, batch["category"], batch["tags"], batch["weight"], batch["tag_weight"])
        value.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        value.item()  # a GPU has ended only now
        took.append(pace.now() - begun)
    return min(took[1:])
