"""The model as transformers sees it: saved, loaded without this project, pooled under the mask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from training.modeling_product_tagging import BertForProductTagging, ProductTaggingConfig


def tiny(pooling: str = "mean") -> BertForProductTagging:
    torch.manual_seed(0)
    config = ProductTaggingConfig(
        pooling=pooling,
        num_labels=5,
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    model = BertForProductTagging(config)
    model.train(False)
    return model


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_padding_does_not_change_a_text_s_logits(pooling: str) -> None:
    model = tiny(pooling)
    alone = model(input_ids=torch.tensor([[2, 7, 9, 3]]), attention_mask=torch.ones(1, 4, dtype=torch.long)).logits
    padded = model(
        input_ids=torch.tensor([[2, 7, 9, 3, 0, 0]]), attention_mask=torch.tensor([[1, 1, 1, 1, 0, 0]])
    ).logits
    assert alone.shape == (1, 5)
    assert torch.allclose(alone, padded, atol=1e-6)


def with_ngrams(model: BertForProductTagging, buckets: int = 30, rank: int = 5) -> BertForProductTagging:
    rows = torch.cat((torch.randn(50 + buckets, rank), 1 + torch.rand(50 + buckets, 1)), dim=1)
    model.set_ngrams(torch.arange(50), rows, torch.randn(5, rank) if rank < 5 else None, torch.randn(5))
    return model


def test_the_n_gram_table_adds_the_rows_of_the_tokens_and_of_their_pairs() -> None:
    ids = torch.tensor([[2, 7, 9]])
    alone = tiny()(input_ids=ids).logits
    model = with_ngrams(tiny())
    rows, offsets = model.get_parameter("ngrams.rows.weight"), model.get_parameter("ngrams.offsets")
    pairs = [50 + (2 * 7919 + 7) % 30, 50 + (7 * 7919 + 9) % 30]
    total = rows[[2, 7, 9, *pairs]].sum(dim=0)
    added = total[:5] / total[5].sqrt() + offsets
    assert torch.allclose(model(input_ids=ids).logits, alone + added, atol=1e-5)


def test_tokens_share_the_rows_that_they_are_given() -> None:
    model = tiny()
    rows = torch.cat((torch.randn(3 + 30, 5), torch.ones(33, 1)), dim=1)
    row_of = torch.zeros(50, dtype=torch.int64)
    row_of[[7, 9]] = torch.tensor([1, 2])
    model.set_ngrams(row_of, rows, None, torch.zeros(5))
    assert (model.config.ngram_tokens, model.config.ngram_buckets) == (3, 30) and model.ngrams is not None
    pair = 3 + (7 * 7919 + 9) % 30
    total = rows[[1, 2, pair]].sum(dim=0)
    answered = model.ngrams(torch.tensor([[7, 9]]), torch.ones(1, 2, dtype=torch.long))
    assert torch.allclose(answered, total[:5] / total[5].sqrt(), atol=1e-5)


def test_n_grams_that_no_product_had_count_nothing() -> None:
    table = with_ngrams(tiny()).ngrams
    assert table is not None
    with torch.no_grad():
        table.rows.weight.zero_()
        table.rows.weight[7] = torch.tensor([1.0, 0, 0, 0, 0, 4.0])
    answered = table(torch.tensor([[2, 7, 9]]), torch.ones(1, 3, dtype=torch.long)) - table.offsets
    assert torch.allclose(answered, torch.tensor([[0.5, 0, 0, 0, 0]]))


def test_a_table_of_fewer_columns_than_labels_answers_all_labels() -> None:
    model = with_ngrams(tiny(), rank=2)
    assert model.config.ngram_rank == 2 and model(input_ids=torch.tensor([[2, 7, 9]])).logits.shape == (1, 5)


def test_a_table_of_an_older_version_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="older version, which is no longer read: train again"):
        ProductTaggingConfig(ngram_buckets=32768)


def test_padding_on_either_side_does_not_change_what_the_n_gram_table_adds() -> None:
    table = with_ngrams(tiny()).ngrams
    assert table is not None
    alone = table(torch.tensor([[2, 7, 9, 3]]), torch.ones(1, 4, dtype=torch.long))
    for ids, mask in (([[2, 7, 9, 3, 0, 0]], [[1, 1, 1, 1, 0, 0]]), ([[0, 0, 2, 7, 9, 3]], [[0, 0, 1, 1, 1, 1]])):
        assert torch.allclose(table(torch.tensor(ids), torch.tensor(mask)), alone, atol=1e-6)


def test_a_model_with_an_n_gram_table_says_that_vectors_in_place_of_tokens_won_t_do() -> None:
    with pytest.raises(ValueError, match="n-gram table, which needs input_ids"):
        with_ngrams(tiny())(inputs_embeds=torch.zeros(1, 3, 16))


def test_mean_and_cls_pooling_differ() -> None:
    ids = torch.tensor([[2, 7, 9, 3]])
    assert not torch.allclose(tiny("mean")(input_ids=ids).logits, tiny("cls")(input_ids=ids).logits)


def test_an_unknown_pooling_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'max'.*'mean' or 'cls'"):
        ProductTaggingConfig(pooling="max")


@pytest.mark.parametrize(
    "model",
    [tiny(), with_ngrams(tiny()), with_ngrams(tiny(), rank=2)],
    ids=["encoder alone", "with an n-gram table", "with one of fewer columns"],
)
def test_a_saved_model_loads_where_this_project_is_not_installed(tmp_path: Path, model: BertForProductTagging) -> None:
    model.save_pretrained(tmp_path / "checkpoint")
    code = (
        "import sys, torch\n"
        "from transformers import AutoModelForSequenceClassification\n"
        "model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], trust_remote_code=True)\n"
        "assert 'training' not in sys.modules\n"
        "print(model(input_ids=torch.tensor([[2, 7, 3]])).logits.tolist())\n"
    )
    told = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path / "checkpoint")],
        cwd=tmp_path,
        env={"HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = model(input_ids=torch.tensor([[2, 7, 3]])).logits
    assert torch.allclose(torch.tensor(eval(told.stdout)), expected, atol=1e-6)


def test_the_configuration_keeps_pooling_and_categories(tmp_path: Path) -> None:
    tiny("cls").save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, trust_remote_code=True)
    assert (loaded.config.pooling, loaded.config.num_labels) == ("cls", 5)
