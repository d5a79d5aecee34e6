"""Whole runs: what a checkpoint made of a prepared catalogue holds and answers, whatever the catalogue lacks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from catalog.reliability import expected_calibration_error
from tests.training.conftest import SettingsMaker, make_products, write_catalog
from tests.training.runs import PARTS, run, weights
from training import recipe
from training.base.recipe import MULTILINGUAL_MINILM

FILES = {
    "README.md",
    "config.json",
    "made-from.json",
    "metrics.json",
    "model.safetensors",
    "modeling_product_tagging.py",
    "taxonomy.json",
    "thresholds.json",
    "tokenizer.json",
    "tokenizer_config.json",
}


def test_a_run_leaves_a_complete_checkpoint_and_its_reports(settings_for: SettingsMaker) -> None:
    settings = settings_for(report_to="tensorboard")
    write_catalog(settings.build_dir / "catalog", PARTS)

    trained = run(settings)

    assert {file.name for file in trained.checkpoint.iterdir()} >= FILES
    assert trained.metrics["test"]["category_accuracy"] > 0.95
    assert trained.metrics["test"]["tag_micro_f1"] > 0.95
    assert trained.metrics == json.loads((trained.checkpoint / "metrics.json").read_text())
    thresholds = json.loads((trained.checkpoint / "thresholds.json").read_text())["tags"]
    assert list(thresholds) == ["dress", "tea", "wood"]
    config = json.loads((trained.checkpoint / "config.json").read_text())
    names = ["category/apparel", "category/food", "category/home", "tag/dress", "tag/tea", "tag/wood"]
    assert (list(config["id2label"].values()), config["pooling"]) == (names, "mean")
    reports = settings.build_dir / "reports"
    pictures = {"confusion.png", "precision_coverage.png", "loss.png", "reliability.png"}
    assert {file.name for file in trained.report.iterdir()} == {
        "labels.csv",
        "made-from.json",
        "metrics.json",
        "report.md",
        *pictures,
    }
    card = (trained.checkpoint / "README.md").read_text()
    assert card.startswith("---\n") and card.endswith((trained.report / "report.md").read_text())
    assert list(reports.glob("tensorboard/*/events*"))
    assert not (settings.build_dir / "training").exists()


CHINESE: Mapping[str, str] = {"cotton dress": "纯棉连衣裙", "green tea": "龙井绿茶", "wooden table": "实木餐桌"}


def in_chinese(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The same products, every second one in Chinese."""

    def translated(row: dict[str, Any]) -> dict[str, Any]:
        text = row["text"].replace("new ", "新款").replace(" number ", " 编号")
        for english, chinese in CHINESE.items():
            text = text.replace(english, chinese)
        return {**row, "lang": "zh", "text": text}

    return {
        name: [translated(row) if place % 2 else row for place, row in enumerate(rows)] for name, rows in parts.items()
    }


def test_a_catalogue_in_two_languages_trains_on_the_multilingual_base_and_says_why(
    settings_for: SettingsMaker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As much healing as makes an easy catalogue easy; all of it takes minutes, and tests/training/base has its tests.
    monkeypatch.setattr("training.base.plan.MULTILINGUAL_MINILM", replace(MULTILINGUAL_MINILM, healing_steps=30))
    settings = settings_for(base="auto", pooling="auto", epochs=3, learning_rate=1.5e-4)
    write_catalog(settings.build_dir / "catalog", in_chinese(PARTS))

    with caplog.at_level("INFO"):
        trained = run(settings)

    reason = "auto chose it, because 50.0% of the training products aren't in English (50.0% en, 50.0% zh)."
    assert f"The base is multilingual: {reason}" in caplog.text
    assert (
        f"- the base: multilingual, 6 layers, 32,000 pieces; {reason}" in (trained.checkpoint / "README.md").read_text()
    )
    assert "can't read" not in caplog.text
    assert trained.metrics["training"]["pooling"] == "mean"
    assert trained.metrics["data"]["unknown_token_share"] == {"en": 0.0, "zh": 0.0}
    for language in ("en", "zh"):
        assert trained.metrics["test_by_language"][language]["category_accuracy"] > 0.95
    tokenizer = json.loads((trained.checkpoint / "tokenizer.json").read_text())
    vectors = weights(settings)["bert.embeddings.word_embeddings.weight"]
    assert len(tokenizer["model"]["vocab"]) == len(vectors) == 32_000
    assert run(settings).up_to_date


def test_a_catalogue_in_english_trains_on_the_english_base_as_if_it_had_been_named(
    settings_for: SettingsMaker, tmp_path: Path
) -> None:
    automatic, named = settings_for(base="auto", epochs=1), settings_for(base="english", epochs=1)
    named = named.model_copy(update={"build_dir": tmp_path / "named"})
    parts = {"train": PARTS["train"][:32], "test": PARTS["test"][:8]}
    for settings in (automatic, named):
        write_catalog(settings.build_dir / "catalog", parts)
    first, second = run(automatic).metrics, run(named).metrics
    assert first["training"]["base_reason"] == "auto chose it, because all training products are in English."
    assert (first["training"]["base"], first["test"]) == ("english", second["test"])
    assert not (automatic.build_dir / "base").exists()
    for name, tensor in weights(named).items():
        assert torch.equal(weights(automatic)[name], tensor), name


def test_a_language_that_the_base_can_not_read_is_warned_of(
    settings_for: SettingsMaker, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", in_chinese(PARTS))
    with caplog.at_level("WARNING"):
        trained = run(settings)
    assert "can't read `zh`, the language of 50% of the training products" in caplog.text
    assert "can't read `zh`" in (trained.checkpoint / "README.md").read_text()
    assert trained.metrics["data"]["unknown_token_share"]["zh"] > 0.1


# Beside the table an encoder that has hardly learnt: a word gives each label away, and the table finds them alone.
@pytest.mark.parametrize(("buckets", "rate"), [("auto", 1e-4), (0, 1e-2)])
def test_the_checkpoint_by_itself_answers_what_was_measured(
    settings_for: SettingsMaker, buckets: int | str, rate: float
) -> None:
    settings = settings_for(ngram_buckets=buckets, learning_rate=rate, head_learning_rate=rate)
    write_catalog(settings.build_dir / "catalog", PARTS)

    trained = run(settings)

    checkpoint = AutoModelForSequenceClassification.from_pretrained(trained.checkpoint, trust_remote_code=True)
    tokenizer = AutoTokenizer.from_pretrained(trained.checkpoint)
    encoded = tokenizer([row["text"] for row in PARTS["test"]], padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        logits = checkpoint(encoded["input_ids"], encoded["attention_mask"]).logits
    categories = [label.removeprefix("category/") for label in list(checkpoint.config.id2label.values())[:3]]
    confidence, answers = logits[:, :3].softmax(dim=1).max(dim=1)
    right = np.array([categories[answer] for answer in answers]) == [row["category"] for row in PARTS["test"]]
    measured = trained.metrics["test"]
    assert right.mean() == pytest.approx(measured["category_accuracy"])
    assert expected_calibration_error(confidence.numpy(), right) == pytest.approx(measured["category_ece"], abs=1e-5)
    assert (
        checkpoint.config.ngram_buckets == trained.metrics["training"]["ngram_buckets"] == (131_072 if buckets else 0)
    )
    assert measured["category_accuracy"] > 0.95


def test_small_catalogues_train_for_more_epochs(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=1, min_steps=25)
    write_catalog(settings.build_dir / "catalog", PARTS)
    training = run(settings).metrics["training"]
    assert (training["steps"], training["epochs"]) == (33, 3)


PHRASES: Mapping[str, Sequence[tuple[str, tuple[str, ...]]]] = {
    "apparel": [("cotton tea dress", ("dress",)), ("green cotton shirt", ()), ("green dress", ("dress",))],
    "food": [("green tea", ("tea",)), ("black cotton candy", ()), ("black tea", ("tea",))],
    "home": [("green tea table", ("wood",)), ("black table", ("wood",)), ("cotton dress stand", ())],
}


def test_labels_that_no_single_word_gives_away_are_learnt(settings_for: SettingsMaker) -> None:
    """Tea is drunk, worn and set on a table, and only the drink has the tag; a dress is on the rail and on a stand."""

    def products(count: int, start: int = 0) -> list[dict[str, Any]]:
        rows = make_products(count, start)
        for number, row in enumerate(rows):
            text, tags = PHRASES[row["category"]][number // len(PHRASES) % 3]
            row |= {"text": f"{'new ' * (number % 4)}{text} number {number + start}", "tags": list(tags)}
        return rows

    settings = settings_for(epochs=8)
    parts = {"train": products(240), "validation": products(210, 1000), "test": products(90, 2000)}
    write_catalog(settings.build_dir / "catalog", parts)
    test = run(settings).metrics["test"]
    assert test["category_accuracy"] > 0.95
    assert test["tag_micro_f1"] > 0.95


def test_a_catalogue_without_tags_gives_categories_alone(settings_for: SettingsMaker) -> None:
    settings = settings_for()
    parts = {split: [{**row, "tags": []} for row in rows] for split, rows in PARTS.items()}
    write_catalog(settings.build_dir / "catalog", parts)
    metrics = run(settings).metrics
    assert metrics["test"]["category_accuracy"] > 0.95
    assert metrics["tags"] == []
    assert "tag_micro_f1" not in metrics["test"]


def test_a_catalogue_with_one_category_trains_its_tags(settings_for: SettingsMaker) -> None:
    settings = settings_for()
    parts = {split: [{**row, "category": "all"} for row in rows] for split, rows in PARTS.items()}
    write_catalog(settings.build_dir / "catalog", parts)
    metrics = run(settings).metrics
    assert metrics["test"]["category_accuracy"] == 1.0
    assert metrics["test"]["tag_micro_f1"] > 0.95


def test_a_category_of_one_product_is_no_obstacle(settings_for: SettingsMaker) -> None:
    settings = settings_for()
    rare = {"id": "rare", "lang": "en", "text": "one car tyre", "category": "automotive", "tags": [], "weight": 1.0}
    write_catalog(settings.build_dir / "catalog", {**PARTS, "train": [*PARTS["train"], rare]})
    assert run(settings).metrics["test"]["category_accuracy"] > 0.9


def test_with_few_validation_products_the_n_gram_table_counts_all_the_same(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "MOST_PRODUCTS", 0)
    settings = settings_for(epochs=1, min_steps=0, learning_rate=1e-5, head_learning_rate=1e-5)
    write_catalog(settings.build_dir / "catalog", {**PARTS, "validation": make_products(12, 1000)})
    metrics = run(settings).metrics
    halves = metrics["halves"]["test"]
    assert halves["encoder"]["category_accuracy"] < 0.9 < halves["ngrams"]["category_accuracy"]
    assert metrics["test"]["category_accuracy"] > 0.9


@pytest.mark.parametrize("missing", [("validation",), ("test",)])
def test_a_part_that_is_empty_is_done_without(settings_for: SettingsMaker, missing: tuple[str, ...]) -> None:
    settings = settings_for(epochs=1)
    parts = {split: [] if split in missing else rows for split, rows in PARTS.items()}
    write_catalog(settings.build_dir / "catalog", parts)
    trained = run(settings)
    assert (trained.metrics["test"] is None) == ("test" in missing)
    assert (trained.checkpoint / "thresholds.json").exists()
