"""A head on the base's own vectors: what they say of the labels without fine-tuning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from catalog.derivation import derive_taxonomy
from catalog.labels import Label
from catalog.prepared import Example
from catalog.taxonomy import Taxonomy
from tests.training.conftest import make_products, quick_settings
from training.base import resolve_base
from training.data import EncodedExamples
from training.fine_tuning import build_model
from training.frozen import fit_frozen_head
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


def test_categories_of_one_branch_learn_from_each_other(tiny_base: Path, tmp_path: Path) -> None:
    base = resolve_base("tiny", 32, str(tiny_base))
    tokenizer = base.tokenizer(32)
    texts = {"shoes": ["red shoes", "blue shoes"], "boots": ["black boots"], "phones": ["phone case"], "tea": ["tea"]}
    rows = [Example(text, "en", text, name) for name, of_name in texts.items() for text in of_name]

    def logit_of_boots(parent: str | None) -> float:
        labels = tuple(Label(name, parent=parent if name in ("shoes", "boots") else None) for name in texts)
        taxonomy = Taxonomy(labels, nodes=(Label("feet"),) if parent else ())
        products = EncodedExamples(rows, taxonomy, tokenizer)
        torch.manual_seed(0)
        model = build_model(quick_settings(tmp_path, tiny_base).training, base, taxonomy, products)
        fit_frozen_head(model, products, taxonomy, 0)
        asked = EncodedExamples([Example("x", "en", "red shoes", "boots")], taxonomy, tokenizer)
        return float(torch.from_numpy(predict_logits(model, asked, 0)).log_softmax(dim=1)[0, 1])

    assert logit_of_boots("feet") > logit_of_boots(None)
