"""The n-gram table: fitted on the training part, and the same in the fit as in the model."""

from __future__ import annotations

import logging
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from catalog.derivation import derive_taxonomy
from catalog.prepared import Example
from settings import TrainingSettings
from tests.training.conftest import make_products
from training.base import resolve_base
from training.data import EncodedExamples
from training.inference import predict_logits
from training.modeling_product_tagging import BertForProductTagging, ProductTaggingConfig
from training.ngrams import BUCKETS, LARGEST_TABLE_MIB, TableSize, fit_ngrams, table_size

SIZE = TableSize(512, 6)
ROWS = [Example(row["id"], "en", row["text"], row["category"], tuple(row["tags"])) for row in make_products(120)]
TAXONOMY = derive_taxonomy({row.category for row in ROWS}, {tag: 1 for row in ROWS for tag in row.tags})
LAYOUT = TAXONOMY.layout


@pytest.fixture(scope="module")
def examples(tiny_base: Path) -> EncodedExamples:
    tokenizer = resolve_base("tiny", 32, str(tiny_base)).tokenizer(32)
    return EncodedExamples(ROWS, TAXONOMY, tokenizer)


def test_the_table_alone_finds_the_labels_of_products_that_a_word_gives_away(examples: EncodedExamples) -> None:
    ngrams = fit_ngrams(examples, LAYOUT, 30522, SIZE, seed=13)
    logits = ngrams.logits(examples)
    assert (logits[:, :3].argmax(axis=1) == examples.labels.category).all()
    assert ((logits[:, 3:] > 0) == examples.labels.tags.toarray()).all()


def test_the_model_answers_its_own_logits_and_the_table_s_times_their_factors(
    examples: EncodedExamples, tiny_base: Path
) -> None:
    torch.manual_seed(0)
    config = ProductTaggingConfig.from_pretrained(tiny_base, num_labels=6)
    model = BertForProductTagging.from_pretrained(tiny_base, config=config)
    alone = predict_logits(model, examples, pad_token_id=0)
    ngrams = fit_ngrams(examples, LAYOUT, 30522, SIZE, seed=13)
    factors = np.array([2, 2, 2, 0.5, 0.5, 0.5], dtype=np.float32)

    ngrams.put_into(model, factors)

    both = predict_logits(model, examples, pad_token_id=0)
    assert np.allclose(both, alone + ngrams.logits(examples) * factors, atol=1e-5)
    assert np.abs(both - alone).max() > 1


def test_a_product_that_counts_nothing_teaches_nothing(examples: EncodedExamples) -> None:
    ignored = examples.labels.category == 0
    weighted = copy(examples)
    weighted.labels = replace(examples.labels, weight=(~ignored).astype(np.float32))

    ngrams = fit_ngrams(weighted, LAYOUT, 30522, SIZE, seed=13)

    words = [
        {token for row in np.flatnonzero(rows) for token in examples.token_ids(row)} for rows in (ignored, ~ignored)
    ]
    only_there = sorted(words[0] - words[1])
    assert only_there and np.abs(ngrams.rows[only_there]).max() < 1e-6 < np.abs(ngrams.rows[sorted(words[1])]).max()


def test_fewer_columns_than_labels_say_nearly_the_same(examples: EncodedExamples) -> None:
    whole = fit_ngrams(examples, LAYOUT, 30522, SIZE, seed=13)
    fewer = fit_ngrams(examples, LAYOUT, 30522, TableSize(512, 5), seed=13)
    assert whole.labels is None and fewer.labels is not None and fewer.rows.shape[1] == 5
    margins = whole.logits(examples)
    assert np.abs(fewer.logits(examples) - margins).mean() < 0.1 * np.abs(margins).mean()


def test_a_table_of_fewer_columns_answers_the_same_in_the_model(examples: EncodedExamples, tiny_base: Path) -> None:
    config = ProductTaggingConfig.from_pretrained(tiny_base, num_labels=6)
    model = BertForProductTagging.from_pretrained(tiny_base, config=config)
    alone = predict_logits(model, examples, pad_token_id=0)
    ngrams = fit_ngrams(examples, LAYOUT, 30522, TableSize(512, 3), seed=13)
    factors = np.array([2, 2, 2, 0.5, 0.5, 0.5], dtype=np.float32)

    ngrams.put_into(model, factors)

    assert np.allclose(
        predict_logits(model, examples, pad_token_id=0), alone + ngrams.logits(examples) * factors, atol=1e-5
    )


@pytest.mark.parametrize("labels", [1, 6, 59, 500, 841, 5_000])
@pytest.mark.parametrize("tokens", [4_000, 11_000, 30_522])
def test_a_table_of_any_number_of_labels_fits(labels: int, tokens: int) -> None:
    size = table_size(TrainingSettings(), tokens, labels)
    assert (tokens + 1 + size.buckets) * (size.rank + 1) * 4 <= LARGEST_TABLE_MIB * 2**20
    assert min(labels / 2, 256) <= size.rank <= labels
    assert size.buckets == BUCKETS or labels > 200


def test_a_table_that_could_not_be_fitted_is_left_out_and_this_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="training")
    assert table_size(TrainingSettings(), 32_000, 59).buckets == BUCKETS
    assert not caplog.messages
    assert table_size(TrainingSettings(), 32_000, 50_000).buckets == 0
    assert "50,000 labels" in caplog.text and "training.ngram_buckets=8192 makes it" in caplog.text
    assert table_size(TrainingSettings(ngram_buckets=64), 32_000, 50_000).buckets == 64
    assert table_size(TrainingSettings(ngram_buckets=0), 32_000, 133).buckets == 0
