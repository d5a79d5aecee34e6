"""A head on the base's own vectors: what they say of the labels without fine-tuning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from catalog.derivation import derive_taxonomy
from catalog.prepared import Example
from tests.training.conftest import make_products, quick_settings
from training import frozen
from training.base import resolve_base
from training.data import EncodedExamples
from training.fine_tuning import build_model
from training.frozen import fit_frozen, fit_frozen_head
from training.inference import predict_logits
from training.modeling_product_tagging import BertForProductTagging

ROWS = [Example(row["id"], "en", row["text"], row["category"], tuple(row["tags"])) for row in make_products(120)]
TAXONOMY = derive_taxonomy({row.category for row in ROWS}, {tag: 1 for row in ROWS for tag in row.tags})


@pytest.fixture
def examples(tiny_base: Path) -> EncodedExamples:
    return EncodedExamples(ROWS, TAXONOMY, resolve_base("tiny", 32, str(tiny_base)).tokenizer(32))


@pytest.fixture
def model(tiny_base: Path, tmp_path: Path, examples: EncodedExamples) -> BertForProductTagging:
    torch.manual_seed(0)
    settings = quick_settings(tmp_path, tiny_base).training
    return build_model(settings, resolve_base("tiny", 32, str(tiny_base)), TAXONOMY, examples)


def test_the_head_knows_the_labels_of_an_encoder_that_has_not_learnt(
    model: BertForProductTagging, examples: EncodedExamples
) -> None:
    encoder = {name: value.clone() for name, value in model.bert.state_dict().items()}
    fit_frozen_head(model, examples, TAXONOMY, 0)
    logits = predict_logits(model, examples, pad_token_id=0)
    assert (logits[:, :3].argmax(axis=1) == examples.labels.category).mean() > 0.95
    assert ((logits[:, 3:] > 0) == examples.labels.tags.toarray()).mean() > 0.95
    assert all(torch.equal(value, encoder[name]) for name, value in model.bert.state_dict().items())


def test_vectors_that_are_all_equal_leave_a_head_of_frequencies(
    model: BertForProductTagging, examples: EncodedExamples
) -> None:
    with torch.no_grad():
        for weight in model.bert.parameters():
            weight.zero_()
    fit_frozen_head(model, examples, TAXONOMY, 0)
    assert torch.isfinite(model.classifier.weight).all() and torch.isfinite(model.classifier.bias).all()


@pytest.mark.parametrize(("most", "value"), [("MOST_PRODUCTS", 119), ("MOST_CELLS", 6 * 119)])
def test_there_is_no_frozen_candidate_of_too_many_products_or_where_the_time_is_bounded(
    tiny_base: Path, tmp_path: Path, examples: EncodedExamples, monkeypatch: pytest.MonkeyPatch, most: str, value: int
) -> None:
    base = resolve_base("tiny", 32, str(tiny_base))
    settings = quick_settings(tmp_path, tiny_base).training
    assert fit_frozen(settings, base, base.tokenizer(32), TAXONOMY, examples) is not None
    bounded = settings.model_copy(update={"minutes": 1.0})
    assert fit_frozen(bounded, base, base.tokenizer(32), TAXONOMY, examples) is None
    monkeypatch.setattr(frozen, most, value)
    assert fit_frozen(settings, base, base.tokenizer(32), TAXONOMY, examples) is None
