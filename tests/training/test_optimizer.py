"""Which weights learn how fast, and which of them decay."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertConfig, PreTrainedModel, TrainingArguments

from catalog.taxonomy import Label, Taxonomy
from training.averaging import WeightAverage
from training.data import EncodedExamples, TokenDropout
from training.fine_tuning import WORD_EMBEDDINGS
from training.freezing import freeze_lowest, leave_out_dropout
from training.losses import ProductTaggingLoss
from training.modeling_product_tagging import BertForProductTagging, ProductTaggingConfig
from training.trainer import ProductTaggingTrainer

TAXONOMY = Taxonomy((Label("a"), Label("b")), (Label("x"),))


@pytest.fixture
def model() -> BertForProductTagging:
    """Three narrow layers, two categories and a tag."""
    shape = BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16
    ).to_dict()
    return BertForProductTagging(ProductTaggingConfig(**{**shape, "num_categories": 2, "num_labels": 3}))


def groups(model: PreTrainedModel, directory: Path) -> dict[str, tuple[float, float]]:
    """Name of each weight that learns → its rate and decay."""
    trainer = ProductTaggingTrainer(
        model=model,
        args=TrainingArguments(output_dir=str(directory), learning_rate=1e-4, weight_decay=0.01, use_cpu=True),
        train=EncodedExamples([], TAXONOMY, None),  # type: ignore[arg-type]
        validation=None,
        loss=ProductTaggingLoss(TAXONOMY.layout),
        pad_token_id=0,
        learning_rates={"classifier.": 1e-3, WORD_EMBEDDINGS: 3e-4},
        token_dropout=TokenDropout(0.0, 0, ()),
        average=WeightAverage(model),
    )
    names = {id(weight): name for name, weight in model.named_parameters()}
    return {
        names[id(weight)]: (group["lr"], group["weight_decay"])
        for group in trainer.create_optimizer().param_groups
        for weight in group["params"]
    }


def test_only_matrices_of_encoder_and_head_decay(model: BertForProductTagging, tmp_path: Path) -> None:
    found = groups(model, tmp_path)
    assert set(found) == {name for name, _ in model.named_parameters()}
    decaying = {name for name, (_, decay) in found.items() if decay}
    assert decaying == {
        name for name, weight in model.named_parameters() if weight.ndim > 1 and "embeddings" not in name
    }
    assert {found[name][1] for name in decaying} == {0.01}


def test_head_and_vocabulary_have_rates_of_their_own(model: BertForProductTagging, tmp_path: Path) -> None:
    found = groups(model, tmp_path)
    assert {rate for name, (rate, _) in found.items() if name.startswith("classifier.")} == {1e-3}
    assert found[WORD_EMBEDDINGS] == (3e-4, 0.0)
    others = {rate for name, (rate, _) in found.items() if not name.startswith(("classifier.", WORD_EMBEDDINGS))}
    assert others == {1e-4}


def test_what_is_frozen_is_not_in_the_optimizer_and_has_no_dropout(
    model: BertForProductTagging, tmp_path: Path
) -> None:
    freeze_lowest(model, 1)
    found = groups(model, tmp_path)
    assert not [name for name in found if "embeddings" in name or "layer.0." in name]
    assert [name for name in found if "layer.1." in name] and "classifier.weight" in found
    below, above = (model.get_submodule(f"bert.encoder.layer.{layer}.output.dropout") for layer in (0, 1))
    assert [part.p for part in (below, model.bert.embeddings.dropout, above)] == [0.0, 0.0, 0.1]
    leave_out_dropout(model)
    assert above.p == 0.0


def test_nothing_is_frozen_where_no_layer_is(model: BertForProductTagging, tmp_path: Path) -> None:
    freeze_lowest(model, 0)
    assert set(groups(model, tmp_path)) == {name for name, _ in model.named_parameters()}
