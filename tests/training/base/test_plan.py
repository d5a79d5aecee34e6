"""A base directory: made once, whole or not at all, of the built-in base, a local directory or a hub id."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from settings import TrainingSettings
from tests.training.conftest import make_products, write_catalog
from training.base import BaseModel, BaseModelError, find_or_make_base, plan_base, resolve_base
from training.base.__main__ import main
from training.base.builtin import english_directory

TEXTS = ["cotton summer dress", "连衣裙 纯棉", "green tea 500 g, gift box"]
ROOT = Path(__file__).parents[3]


def vectors(base: BaseModel, texts: list[str]) -> list[torch.Tensor]:
    """What the encoder gives for each text, [length, hidden]."""
    tokenizer = base.tokenizer(64)
    encoder = AutoModel.from_pretrained(base.source, add_pooling_layer=False)
    encoder.train(False)
    with torch.no_grad():
        return [encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0] for text in texts]


def test_the_english_base_is_taken_from_where_it_lies(tmp_path: Path) -> None:
    plan = plan_base(TrainingSettings(), {"en": 10})
    base = find_or_make_base(plan, TEXTS, tmp_path / "base", 96)
    assert base.source == str(english_directory())
    assert base.reason == plan.reason
    assert not (tmp_path / "base").exists()


def test_the_multilingual_base_is_made_in_hugging_face_format(tmp_path: Path) -> None:
    plan = plan_base(TrainingSettings(base="multilingual"), {})
    base = find_or_make_base(plan, TEXTS, tmp_path / "base", 96)
    assert (base.name, base.pooling, base.layers, base.pieces) == ("multilingual", "mean", 6, 32_000)
    config = AutoConfig.from_pretrained(base.source)
    tokenizer = AutoTokenizer.from_pretrained(base.source)
    assert (config.model_type, config.pad_token_id) == ("bert", tokenizer.pad_token_id)
    assert len(tokenizer) == config.vocab_size == 32_000
    assert tokenizer("连衣裙")["input_ids"][0] == tokenizer.cls_token_id
    assert [tensor.isfinite().all() for tensor in vectors(base, TEXTS)] == [True] * 3


def test_a_second_time_nothing_is_made_and_another_catalogue_makes_it_again(tmp_path: Path) -> None:
    plan, directory = plan_base(TrainingSettings(base="multilingual"), {}), tmp_path / "base"
    find_or_make_base(plan, TEXTS, directory, 96)
    before = (directory / "model.safetensors").stat().st_mtime_ns
    find_or_make_base(plan, TEXTS, directory, 96)
    assert (directory / "model.safetensors").stat().st_mtime_ns == before
    find_or_make_base(plan, [*TEXTS, "沙发"], directory, 96)
    assert (directory / "model.safetensors").stat().st_mtime_ns != before


def test_a_pruned_base_answers_the_catalogues_texts_as_the_whole_one(tiny_base: Path, tmp_path: Path) -> None:
    plan = plan_base(TrainingSettings(base=str(tiny_base), base_vocabulary=1, max_length=64), {})
    pruned = find_or_make_base(plan, TEXTS, tmp_path / "base", 64)
    assert pruned.pieces < 30_522
    for whole, own in zip(vectors(resolve_base(str(tiny_base), 64), TEXTS), vectors(pruned, TEXTS), strict=True):
        assert torch.equal(whole, own)


def test_layers_are_kept_by_their_numbers(tiny_base: Path, tmp_path: Path) -> None:
    plan = plan_base(TrainingSettings(base=str(tiny_base), base_layers=[1], max_length=64), {})
    base = find_or_make_base(plan, TEXTS, tmp_path / "base", 64)
    assert (base.layers, base.pieces, base.pooling) == (1, 30_522, "cls")
    whole, kept = (AutoModel.from_pretrained(place).encoder.layer for place in (tiny_base, base.source))
    assert torch.equal(kept[0].output.dense.weight, whole[1].output.dense.weight)


@pytest.mark.parametrize("layers", [[], [1, 0], [0, 0], [2]])
def test_layers_that_are_not_there_are_refused(tiny_base: Path, tmp_path: Path, layers: list[int]) -> None:
    plan = plan_base(TrainingSettings(base=str(tiny_base), base_layers=layers, max_length=64), {})
    with pytest.raises(BaseModelError, match=r"training.base_layers is .*0 to 1, in ascending order"):
        find_or_make_base(plan, TEXTS, tmp_path / "base", 64)
    assert not (tmp_path / "base").exists()


def test_a_length_beyond_the_bases_positions_is_refused_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(BaseModelError, match=r"max_length is 513, but multilingual has 512 positions"):
        plan_base(TrainingSettings(base="multilingual", max_length=513), {})
    assert not (tmp_path / "cache").exists()


@pytest.fixture
def hub(tmp_path: Path, tiny_base: Path) -> dict[str, str]:
    """An environment in which the hub's cache holds one model that pools by mean, and no hub is asked."""
    repository = tmp_path / "hub" / "hub" / "models--shop--tiny-bert"
    snapshot = repository / "snapshots" / "0123"
    shutil.copytree(tiny_base, snapshot)
    (snapshot / "1_Pooling").mkdir()
    (snapshot / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123")
    return {**os.environ, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}


def test_a_model_of_the_hub_is_pruned_when_asked(hub: dict[str, str], tmp_path: Path) -> None:
    write_catalog(tmp_path / "build" / "catalog", {"train": make_products(30)})
    command = [sys.executable, "-m", "training.base", "shop/tiny-bert", "--set", f"build_dir={tmp_path / 'build'}"]
    command += ["--set", "training.base_vocabulary=2000", "--set", "training.max_length=64"]
    command += ["--out", str(tmp_path / "out")]
    told = subprocess.run(command, cwd=ROOT, env=hub, capture_output=True, text=True, check=True).stdout
    assert "2,000 pieces, mean pooling" in told
    base = resolve_base(str(tmp_path / "out"), 64)
    assert (base.pieces, base.layers, base.pooling) == (2000, 2, "mean")
    told = subprocess.run(command, cwd=ROOT, env=hub, capture_output=True, text=True, check=True).stdout
    assert "up to date, because base, catalogue, settings and code have not changed" in told


def test_the_command_says_what_auto_chose_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_catalog(tmp_path / "catalog", {"train": make_products(30)})
    assert main(["--set", f"build_dir={tmp_path}"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("english: auto chose it, because all training products are in English.")
    assert resolve_base(str(tmp_path / "base"), 64).pieces == 30_522


def test_the_command_needs_a_catalogue_to_prune_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["multilingual", "--set", f"build_dir={tmp_path}"]) == 1
    assert "python -m catalog prepare" in capsys.readouterr().err
    assert not (tmp_path / "base").exists()


def test_tokens_of_the_made_base_are_those_of_the_whole_one(tmp_path: Path) -> None:
    plan = plan_base(TrainingSettings(base="multilingual", base_vocabulary=1), {})
    base = find_or_make_base(plan, TEXTS, tmp_path / "base", 96)
    tokenizer = base.tokenizer(96)
    counts = Counter(len(ids) for ids in tokenizer(TEXTS)["input_ids"])
    assert counts.total() == 3 and tokenizer.unk_token_id not in np.concatenate(tokenizer(TEXTS)["input_ids"])
    assert json.loads((tmp_path / "base" / "made-from.json").read_text())["inputs"]["the base"]["vocabulary"] == 1
