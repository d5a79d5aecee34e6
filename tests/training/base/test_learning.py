"""What a base learns from the catalogue's texts before it is fine-tuned: to do without layers, and level vectors."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from settings import TrainingSettings
from tests.training.conftest import make_products
from training.base import find_or_make_base, plan_base
from training.base.levelling import level
from training.base.texts import ENOUGH

TEXTS = [f"{row['text']} of brand {number % 17}" for number, row in enumerate(make_products(300))]
UNSEEN = ["new cotton dress number 999", "green tea of brand 40", "wooden table new new"]


def text_vectors(source: str | Path, texts: list[str]) -> torch.Tensor:
    """The mean vectors [N, H] that an encoder's directory gives."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    encoder = AutoModel.from_pretrained(source, add_pooling_layer=False)
    encoder.train(False)
    with torch.no_grad():
        found = [encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0) for text in texts]
    return torch.stack(found)


def made(tiny_base: Path, directory: Path, steps: int, texts: list[str] = TEXTS) -> str:
    """The directory of the tiny base without its first layer."""
    plan = plan_base(TrainingSettings(base=str(tiny_base), base_layers=[1], max_length=64), {})
    return find_or_make_base(replace(plan, healing_steps=steps), texts, directory, 64).source


def test_a_healed_base_gives_nearly_the_vectors_of_the_whole_one(tiny_base: Path, tmp_path: Path) -> None:
    whole = text_vectors(tiny_base, UNSEEN)
    cut, healed = (text_vectors(made(tiny_base, tmp_path / str(steps), steps), UNSEEN) for steps in (0, 150))
    assert (healed - whole).norm() < 0.5 * (cut - whole).norm()


def test_healing_leaves_the_vocabularys_vectors_and_the_number_of_layers(tiny_base: Path, tmp_path: Path) -> None:
    healed, whole = (AutoModel.from_pretrained(place) for place in (made(tiny_base, tmp_path / "b", 5), tiny_base))
    assert healed.config.num_hidden_layers == 1
    assert torch.equal(healed.embeddings.word_embeddings.weight, whole.embeddings.word_embeddings.weight)


def test_the_same_texts_heal_to_the_same_base_and_others_make_it_again(tiny_base: Path, tmp_path: Path) -> None:
    first, second = (text_vectors(made(tiny_base, tmp_path / name, 5), UNSEEN) for name in ("a", "b"))
    assert torch.equal(first, second)
    other = text_vectors(made(tiny_base, tmp_path / "a", 5, [text.upper() + " x" for text in TEXTS]), UNSEEN)
    assert not torch.equal(first, other)


def test_a_base_that_keeps_its_layers_learns_nothing(tiny_base: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(base=str(tiny_base), base_vocabulary=1, max_length=64)
    base = find_or_make_base(plan_base(settings, {}), TEXTS, tmp_path / "base", 64)
    assert torch.equal(text_vectors(base.source, TEXTS[:3]), text_vectors(tiny_base, TEXTS[:3]))


def test_levelled_vectors_have_mean_zero_and_spread_one_and_few_texts_change_nothing(
    tiny_base: Path, tmp_path: Path
) -> None:
    encoder = AutoModel.from_pretrained(tiny_base, add_pooling_layer=False)
    loaded = AutoTokenizer.from_pretrained(tiny_base)
    loaded.backend_tokenizer.no_padding()
    loaded.backend_tokenizer.no_truncation()
    before = encoder.encoder.layer[-1].output.LayerNorm.weight.clone()
    level(encoder, TEXTS[: ENOUGH - 1], loaded.backend_tokenizer, loaded.pad_token_id)
    assert torch.equal(encoder.encoder.layer[-1].output.LayerNorm.weight, before)
    level(encoder, TEXTS, loaded.backend_tokenizer, loaded.pad_token_id)
    encoder.save_pretrained(tmp_path)
    loaded.save_pretrained(tmp_path)
    vectors = text_vectors(tmp_path, TEXTS)
    assert vectors.mean(dim=0).abs().max() < 0.1
    assert (vectors.std(dim=0) - 1.0).abs().max() < 0.1


def test_healing_computes_in_the_numbers_that_the_settings_name(tiny_base: Path, tmp_path: Path) -> None:
    found = []
    for precision in ("fp32", "bf16"):
        settings = TrainingSettings.model_validate(
            {"base": str(tiny_base), "base_layers": [1], "max_length": 64, "precision": precision}
        )
        plan = replace(plan_base(settings, {}), healing_steps=3)
        base = find_or_make_base(plan, TEXTS, tmp_path / "base", 64)
        found.append(text_vectors(base.source, UNSEEN))
    assert not torch.equal(found[0], found[1]), "another precision heals to another base"
    assert torch.allclose(found[0], found[1], atol=0.1)


def test_healing_ends_with_its_time(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = count(0.0, 0.5)
    monkeypatch.setattr("training.base.healing.now", lambda: next(looks))
    plan = plan_base(TrainingSettings(base=str(tiny_base), base_layers=[1], max_length=64, minutes=1), {})
    with caplog.at_level("INFO"):
        find_or_make_base(plan, TEXTS, tmp_path / "base", 64)
    assert "Healing the base ended with its time, after 15 of 300 steps." in caplog.text
