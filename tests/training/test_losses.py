"""The training loss, its weights, and the head's first answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from catalog.heads import CATEGORY, TAG, Layout
from training.data import Labels, joined_labels
from training.losses import ProductTaggingLoss, prior_log_odds


def labels(categories: list[int], tags: list[list[int]]) -> Labels:
    count = len(categories)
    return Labels(
        np.array(categories),
        csr_matrix(np.array(tags, dtype=np.bool_).reshape(count, -1)),
        np.ones(count, dtype=np.float32),
        np.ones(count, dtype=np.bool_),
        np.full(count, "en"),
    )


LAYOUT = Layout({CATEGORY: ("a", "b"), TAG: ("x", "y")})
LABELS = labels([0] * 9 + [1], [[1, 0]] * 2 + [[0, 0]] * 8)


def test_the_first_answer_of_a_new_head_is_the_frequency_of_each_label() -> None:
    bias = torch.from_numpy(prior_log_odds(LABELS, LAYOUT))
    assert bias[:2].softmax(dim=0).tolist() == pytest.approx([0.9, 0.1], abs=0.05)
    assert bias[2:].sigmoid().tolist() == pytest.approx([0.2, 0.0], abs=0.05)


def test_the_loss_is_cross_entropy_plus_the_tags_binary_cross_entropies() -> None:
    loss = ProductTaggingLoss(Layout({CATEGORY: ("a", "b"), TAG: ("x",)}))
    logits = torch.tensor([[2.0, 0.0, 1.0]])
    category = -torch.log_softmax(torch.tensor([2.0, 0.0]), dim=0)[1]
    tag = -torch.log(torch.sigmoid(torch.tensor(1.0)))
    value = loss(logits, torch.tensor([1]), torch.tensor([[1.0]]), torch.tensor([1.0]), torch.tensor([1.0]))
    assert float(value) == pytest.approx(float(category + tag), rel=1e-5)


def test_a_product_of_twice_the_weight_counts_twice() -> None:
    loss = ProductTaggingLoss(Layout({CATEGORY: ("a", "b"), TAG: ()}))
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    targets = torch.tensor([1, 0]), torch.zeros(2, 0)
    first, second = (
        float(loss(logits[i : i + 1], targets[0][i : i + 1], targets[1][:1], torch.ones(1), torch.ones(1)))
        for i in (0, 1)
    )
    assert float(loss(logits, *targets, torch.tensor([2.0, 1.0]), torch.ones(2))) == pytest.approx(
        (2 * first + second) / 3
    )


def test_a_text_whose_tags_are_not_known_teaches_its_category_alone() -> None:
    loss = ProductTaggingLoss(Layout({CATEGORY: ("a", "b"), TAG: ("x",)}))
    logits = torch.tensor([[2.0, 0.0, 1.0]], requires_grad=True)
    loss(logits, torch.tensor([1]), torch.tensor([[0.0]]), torch.ones(1), torch.zeros(1)).backward()
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0 and logits.grad[0, 1] < 0


def test_texts_whose_tags_are_not_known_make_no_tag_rarer() -> None:
    named = joined_labels([LABELS, LABELS.without_tags()])
    assert prior_log_odds(named, LAYOUT)[2:] == pytest.approx(prior_log_odds(LABELS, LAYOUT)[2:])
