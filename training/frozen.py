"""The other candidate: the base's encoder as it is, under a linear head that is fitted on its vectors.

Fine-tuning overwrites what the base knows. Where labels are many and have few products each, that costs more than it
brings, and a linear classifier of the frozen encoder answers better (Kumar et al., "Fine-Tuning can Distort Pretrained
Features and Underperform Out-of-Distribution", ICLR 2022). Held-out products choose (`chain.finished`). The gain:
docs/experiments/few-labels.md.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from catalog.taxonomy import Taxonomy
from catalog.tree import lineage
from settings import TrainingSettings
from training.base import BaseModel
from training.data import EncodedExamples
from training.fine_tuning import build_model
from training.inference import padded_batches
from training.losses import ProductTaggingLoss
from training.modeling_product_tagging import BertForProductTagging

DECAY = 0.3
"""Sum of squared weights over standardized vectors, divided by the number of products, that is added to the loss."""
MOST_STEPS = 100


def fit_frozen(
    settings: TrainingSettings,
    base: BaseModel,
    tokenizer: PreTrainedTokenizerBase,
    taxonomy: Taxonomy,
    train: EncodedExamples,
) -> BertForProductTagging:
    """Give the base's encoder under a fitted head.

    Args:
        settings: the pooling is theirs.
        base: the encoder.
        tokenizer: that of the products.
        taxonomy: the labels.
        train: the training products.
    """
    model = build_model(settings, base, taxonomy, train)
    fit_frozen_head(model, train, taxonomy, int(tokenizer.pad_token_id))
    return model


def fit_frozen_head(
    model: BertForProductTagging, train: EncodedExamples, taxonomy: Taxonomy, pad_token_id: int
) -> None:
    """Fit the head on the vectors of the encoder as it is, by the loss of fine-tuning.

    A category's weights are the sum of those of the nodes on its path, so that few products of a category learn from
    the others of their branch. Only the sums are kept.

    Args:
        model: its head's biases stand at the labels' frequencies; weights and biases are changed.
        train: the training products.
        taxonomy: the labels.
        pad_token_id: what fills the short rows of a batch.
    """
    loss, on_path = ProductTaggingLoss(taxonomy.layout), _on_path(taxonomy).to(model.device)
    vectors = pooled_vectors(model, train, pad_token_id)
    mean, scale = vectors.mean(dim=0), vectors.std(dim=0).mean().clamp(min=1e-6)
    vectors = (vectors - mean) / scale
    labels = train.labels
    category = torch.from_numpy(labels.category).to(vectors.device)
    tags = torch.from_numpy(labels.tags.toarray().astype(np.float32)).to(vectors.device)
    counts, tag_counts = (torch.from_numpy(own).to(vectors.device) for own in (labels.weight, labels.tag_weight))
    shares = torch.zeros(on_path.shape[1], vectors.shape[1], device=vectors.device, requires_grad=True)
    bias = model.classifier.bias.detach().clone().requires_grad_()
    solver = torch.optim.LBFGS([shares, bias], max_iter=MOST_STEPS, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        solver.zero_grad()
        decay = DECAY * shares.square().sum() / len(train)
        logits = nn.functional.linear(vectors, torch.sparse.mm(on_path, shares), bias)
        value = loss(logits, category, tags, counts, tag_counts) + decay
        value.backward()
        return value

    solver.step(step)
    with torch.no_grad():
        weight = torch.sparse.mm(on_path, shares)
        model.classifier.weight.copy_(weight / scale)
        model.classifier.bias.copy_(bias - (weight / scale) @ mean)


def _on_path(taxonomy: Taxonomy) -> torch.Tensor:
    """Which nodes lie on the path of each label, sparse float32 [C + T, nodes + T]; a tag is a node of its own."""
    columns: dict[str, int] = {}
    cells = [
        (row, columns.setdefault(node, len(columns)))
        for row, category in enumerate(taxonomy.category_ids)
        for node in lineage(category, taxonomy.parents)
    ]
    categories = len(taxonomy.category_ids)
    cells += [(categories + number, len(columns) + number) for number in range(len(taxonomy.tag_ids))]
    size = (taxonomy.layout.width, len(columns) + len(taxonomy.tag_ids))
    places = torch.tensor(cells, dtype=torch.int64).T
    return torch.sparse_coo_tensor(places, torch.ones(len(cells)), size, check_invariants=True).coalesce()


def pooled_vectors(model: BertForProductTagging, examples: EncodedExamples, pad_token_id: int) -> torch.Tensor:
    """Return the vectors that the head sees of N products, float32 [N, hidden], where the model lies."""
    vectors = torch.zeros(len(examples), model.config.hidden_size, device=model.device)
    was_training = model.training
    model.train(False)
    with torch.inference_mode():
        for rows, ids, mask in padded_batches(examples, pad_token_id, "frozen encoder"):
            vectors[rows] = model.pooled(ids.to(model.device), mask.to(model.device)).float()
    model.train(was_training)
    return vectors.clone()  # out of the inference mode, so that gradients may be taken
