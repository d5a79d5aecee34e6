"""Token ids, labels, and the order in which batches are drawn."""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from catalog.prepared import Example
from catalog.taxonomy import Label, Taxonomy
from training.base import resolve_base
from training.data import EncodedExamples, LengthGroupedSampler, PaddingCollator, TokenDropout, encode_labels

TAXONOMY = Taxonomy((Label("food"), Label("home")), (Label("tea"), Label("wood")))
EXAMPLES = [
    Example("1", "en", "green tea", "food", ("tea",)),
    Example("2", "en", "a long wooden table for the living room", "home", ("wood", "unknown"), 0.5),
    Example("3", "zh", "龙井茶", "food"),
]


def encoded() -> EncodedExamples:
    tokenizer = resolve_base("english", 8).tokenizer(8)
    return EncodedExamples(iter(EXAMPLES), TAXONOMY, tokenizer)


def test_labels_follow_the_taxonomys_order_and_unknown_tags_carry_none() -> None:
    labels = encode_labels(EXAMPLES, TAXONOMY)
    assert labels.category.tolist() == [0, 1, 0]
    assert labels.tags.toarray().tolist() == [[1, 0], [0, 1], [0, 0]]
    assert labels.weight.tolist() == [1.0, 0.5, 1.0]


def test_texts_are_cut_at_the_length_the_tokenizer_was_given() -> None:
    assert encoded().lengths.tolist() == [4, 8, 5]
    assert encoded().cut.tolist() == [False, True, False]


def test_a_batch_is_padded_to_its_longest_row_and_masked() -> None:
    examples = encoded()
    batch = PaddingCollator(pad_token_id=7)([examples[0], examples[2]])
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 5)
    assert batch["input_ids"][0, 4] == 7
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert batch["tags"].tolist() == [[1, 0], [0, 0]]


@given(
    lengths=st.lists(st.integers(1, 96), min_size=1, max_size=400),
    batch_size=st.integers(1, 40),
    epoch=st.integers(0, 5),
)
def test_every_row_is_drawn_exactly_once_an_epoch(lengths: list[int], batch_size: int, epoch: int) -> None:
    sampler = LengthGroupedSampler(np.array(lengths), batch_size, seed=1)
    sampler.start_epoch(epoch)
    assert sorted(sampler) == list(range(len(lengths)))


def test_the_order_differs_between_epochs_and_seeds_and_is_the_same_again() -> None:
    lengths = np.random.default_rng(0).integers(4, 90, size=500)

    def order(seed: int, epoch: int) -> list[int]:
        sampler = LengthGroupedSampler(lengths, 16, seed)
        sampler.start_epoch(epoch)
        return list(sampler)

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_batches_of_similar_length_need_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(4, 90, size=3200)
    order = np.array(list(LengthGroupedSampler(lengths, 32, seed=1)))
    batches = lengths[order].reshape(-1, 32)
    padded = (batches.max(axis=1) * 32).sum()
    assert padded < 1.05 * lengths.sum()
    assert any(first.mean() < second.mean() for first, second in pairwise(batches))  # not sorted as a whole


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_every_number_of_processes_sees_the_same_effective_batches(processes: int) -> None:
    lengths = np.random.default_rng(0).integers(4, 90, size=320)
    order = list(LengthGroupedSampler(lengths, 32, seed=1))
    share = 32 // processes
    local = [order[start : start + share] for start in range(0, len(order), share)]
    effective = [
        list(chain.from_iterable(local[start : start + processes])) for start in range(0, len(local), processes)
    ]
    assert effective == [order[start : start + 32] for start in range(0, len(order), 32)]


def test_token_dropout_hides_the_share_it_is_told_and_no_special_token() -> None:
    tokenizer = resolve_base("english", 64).tokenizer(64)
    dropout = TokenDropout.of(tokenizer, 0.25)
    ids = torch.tensor([[tokenizer.cls_token_id, *[2000] * 400, tokenizer.sep_token_id, tokenizer.pad_token_id]] * 5)
    torch.manual_seed(0)
    hidden = dropout(ids) == tokenizer.mask_token_id
    assert hidden[:, 1:-2].float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert not hidden[:, [0, -2, -1]].any()
    assert TokenDropout.of(tokenizer, 0.0)(ids) is ids
