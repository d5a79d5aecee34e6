"""A tiny base with the real tokenizer, and small catalogues, so that a whole run takes seconds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from catalog.derivation import derive_taxonomy
from catalog.taxonomy import Taxonomy
from settings import Settings, TrainingSettings
from training.base import resolve_base
from training.chain import cross_fitted

WORDS: Mapping[str, tuple[str, str]] = {
    "apparel": ("cotton dress", "dress"),
    "food": ("green tea", "tea"),
    "home": ("wooden table", "wood"),
}


def make_products(count: int, start: int = 0, categories: Sequence[str] = tuple(WORDS)) -> list[dict[str, Any]]:
    """Products of an easy catalogue: two words give the category and the tag away."""
    products = []
    for number in range(start, start + count):
        category = categories[number % len(categories)]
        words, tag = WORDS[category]
        text = f"{'new ' * (number % 4)}{words} number {number}"
        row = {"id": f"p{number}", "lang": "en", "text": text, "category": category, "tags": [tag], "weight": 1.0}
        products.append(row)
    return products


def write_catalog(
    directory: Path, parts: Mapping[str, Sequence[Mapping[str, Any]]], taxonomy: Taxonomy | None = None
) -> None:
    """A prepared catalogue, as the catalogue stage lays it out."""
    directory.mkdir(parents=True, exist_ok=True)
    for split in ("train", "validation", "test"):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in parts.get(split, ()))
        (directory / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    rows = [row for part in parts.values() for row in part]
    taxonomy = taxonomy or derive_taxonomy({row["category"] for row in rows}, {t: 1 for r in rows for t in r["tags"]})
    (directory / "taxonomy.json").write_text(taxonomy.to_json(), encoding="utf-8")


@pytest.fixture(scope="package", autouse=True)
def no_folds() -> Iterator[None]:
    """Small catalogues are not cross-fitted here, which would train four times; test_cross_fitting.py does it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_fitted, "ENOUGH_VALIDATION", 0)
        yield


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two narrow layers with the English base's tokenizer."""
    directory = tmp_path_factory.mktemp("base") / "tiny"
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    english = Path(resolve_base("english", 64).source)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy2(english / name, directory)
    return directory


def quick_settings(build: Path, base: Path, /, **training: Any) -> Settings:
    """Settings of a quick run; keyword arguments change `training`."""
    values: dict[str, Any] = {
        "base": str(base),
        "max_length": 32,
        "epochs": 4,
        "min_steps": 0,
        "batch_size": 16,
        "pooling": "mean",
        "learning_rate": 1e-2,
        "head_learning_rate": 1e-2,
        "token_dropout": 0.0,
        "report_to": "none",
        **training,
    }
    return Settings(build_dir=build, training=TrainingSettings.model_validate(values))


SettingsMaker = Callable[..., Settings]


@pytest.fixture
def settings_for(tmp_path: Path, tiny_base: Path) -> SettingsMaker:
    """Settings of a quick run in the test's own build directory; keyword arguments change `training`."""
    return partial(quick_settings, tmp_path / "build", tiny_base)
