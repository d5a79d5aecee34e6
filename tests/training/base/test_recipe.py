"""Which recipe a base gets: found by what it is, whatever it is called."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from transformers import BertConfig

from settings import TrainingSettings
from training.base import find_or_make_base, plan_base, resolve_base
from training.base.recipe import ANY_BERT, CUT_MULTILINGUAL_MINILM, MULTILINGUAL_MINILM

TEXTS = {"train": ["cotton summer dress", "连衣裙 纯棉"]}


def base_of(directory: Path, layers: int, vocabulary: int, hidden: int = 384) -> Path:
    """A directory that holds no weights, only what says of which kind a base is."""
    config = BertConfig(
        hidden_size=hidden,
        num_attention_heads=12,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        vocab_size=vocabulary,
    )
    config.save_pretrained(directory)
    Tokenizer(Unigram([("<unk>", 0.0)], unk_id=0)).save(str(directory / "tokenizer.json"))
    return directory


def test_a_directory_of_the_whole_multilingual_base_is_planned_as_the_built_in_one(tmp_path: Path) -> None:
    directory = base_of(tmp_path / "e5", layers=12, vocabulary=250_037)
    built_in = plan_base(TrainingSettings(base="multilingual"), {})
    assert replace(plan_base(TrainingSettings(base=str(directory)), {}), name=built_in.name) == built_in
    assert resolve_base(str(directory), 96).pooling == "mean"


def test_a_multilingual_base_that_has_been_cut_is_taken_as_it_is_and_learns_at_the_cut_ones_rates(
    tmp_path: Path,
) -> None:
    made = find_or_make_base(plan_base(TrainingSettings(base="multilingual"), {}), TEXTS, tmp_path / "base", 96)
    copied = plan_base(TrainingSettings(base=str(shutil.copytree(made.source, tmp_path / "copy"))), {})
    assert not copied.is_made
    assert copied.recipe == made.recipe
    assert (made.recipe.rates, made.recipe.min_steps) == (CUT_MULTILINGUAL_MINILM.rates, MULTILINGUAL_MINILM.min_steps)


def test_six_layers_learn_at_twice_the_rate_of_all_twelve(tmp_path: Path) -> None:
    whole, cut = (resolve_base(str(base_of(tmp_path / str(n), n, 32_000)), 96).recipe for n in (12, 6))
    assert cut.rates.encoder == 2 * whole.rates.encoder
    assert (whole.vocabulary, cut.vocabulary) == (None, None), "what has been pruned is not pruned again"


@pytest.mark.parametrize("other", ["english", "wider"])
def test_a_base_of_another_shape_or_tokenizer_is_any_bert(tmp_path: Path, other: str) -> None:
    name = str(base_of(tmp_path / "wide", 12, 250_037, hidden=768)) if other == "wider" else other
    recipe = resolve_base(name, 96).recipe
    assert recipe == ANY_BERT
    assert recipe.layers is None and recipe.vocabulary is None


def test_a_multilingual_base_named_by_its_directory_is_levelled_and_healed_as_the_built_in_one(tmp_path: Path) -> None:
    everything = TrainingSettings(base="multilingual", base_layers="all", base_vocabulary=1)
    whole = find_or_make_base(plan_base(everything, {}), TEXTS, tmp_path / "whole", 96)
    plan = plan_base(TrainingSettings(base=whole.source), {})
    assert (plan.layers, plan.healing_steps, plan.recipe.levels) == ((0, 2, 4, 6, 8, 10), 300, True)
    again = find_or_make_base(plan, TEXTS, tmp_path / "again", 96)
    assert (whole.layers, again.layers) == (12, 6)
