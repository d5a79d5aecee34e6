"""Which base is meant, and what is said of one that can't be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import BertConfig, DistilBertConfig

from training.base import BaseModelError, resolve_base


def test_the_english_base_comes_with_the_project_and_pools_by_mean() -> None:
    base = resolve_base("english", 96)
    assert (base.pooling, Path(base.source).is_dir()) == ("mean", True)
    assert base.tokenizer(16)("word " * 50, truncation=True)["input_ids"].__len__() == 16


def test_a_local_directory_is_a_base_and_speaks_through_cls(tiny_base: Path) -> None:
    base = resolve_base(str(tiny_base), 64)
    assert (base.source, base.pooling) == (str(tiny_base), "cls")


def test_a_base_that_can_not_be_found_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BaseModelError, match=r"'some/where'.*english.*Download it where the hub can be reached"):
        resolve_base("some/where", 96)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    DistilBertConfig().save_pretrained(tmp_path)
    with pytest.raises(BaseModelError, match="'distilbert'"):
        resolve_base(str(tmp_path), 96)


def test_a_length_beyond_the_positions_is_refused(tiny_base: Path) -> None:
    with pytest.raises(BaseModelError, match=r"training.max_length is 65.*64 positions"):
        resolve_base(str(tiny_base), 65)


def test_a_base_without_a_fast_tokenizer_is_refused(tmp_path: Path) -> None:
    BertConfig().save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    with pytest.raises(BaseModelError, match=r"tokenizer"):
        resolve_base(str(tmp_path), 96).tokenizer(96)
