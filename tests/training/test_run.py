"""Whole runs: from a prepared catalogue to a checkpoint, interrupted, resumed, shared by two processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from catalog.reliability import expected_calibration_error
from serving.processes import wait_until
from settings import Settings
from steps import INTERRUPTED, Busy, locked
from tests.training.conftest import SettingsMaker, make_products, write_catalog
from training.errors import TrainingError
from training.pipeline import Trained, train

ROOT = Path(__file__).parents[2]
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
PARTS: Mapping[str, Any] = {
    "train": make_products(160),
    "validation": make_products(210, 1000),
    "test": make_products(60, 2000),
}


def run(settings: Settings, **options: Any) -> Trained:
    trained = train(settings, **options)
    assert trained is not None
    return trained


def command(settings: Settings, *launcher: str) -> list[str]:
    """The command line that does what `train(settings)` does."""
    file = settings.build_dir / "tagger.yaml"
    file.write_text(yaml.safe_dump(settings.model_dump(mode="json")), encoding="utf-8")
    return [sys.executable, *(launcher or ("-m",)), "training", "--config", str(file)]


def environment() -> dict[str, str]:
    """One thread: sums are added in the same order in every run."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "GLOO_SOCKET_IFNAME": "lo"}


def weights(settings: Settings) -> dict[str, torch.Tensor]:
    return load_file(settings.build_dir / "checkpoint" / "model.safetensors")


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
    settings_for: SettingsMaker, caplog: pytest.LogCaptureFixture
) -> None:
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


def test_the_labels_of_the_outputs_are_named_in_the_configuration(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", PARTS)
    config = json.loads((run(settings).checkpoint / "config.json").read_text())
    names = ["category/apparel", "category/food", "category/home", "tag/dress", "tag/tea", "tag/wood"]
    assert list(config["id2label"].values()) == names
    assert config["pooling"] == "mean"


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
    assert checkpoint.config.ngram_buckets == trained.metrics["training"]["ngram_buckets"] == (32_768 if buckets else 0)
    assert measured["category_accuracy"] > 0.95


def test_a_second_run_of_the_same_does_nothing_and_a_change_trains_again(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", PARTS)
    first = run(settings)
    assert not first.up_to_date
    again = run(settings)
    assert again.up_to_date
    assert again.metrics == first.metrics
    assert not run(settings, force=True).up_to_date
    assert not run(settings_for(epochs=2)).up_to_date
    write_catalog(settings.build_dir / "catalog", {**PARTS, "train": make_products(150)})
    assert not run(settings_for(epochs=2)).up_to_date


def test_small_catalogues_train_for_more_epochs(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=1, min_steps=25)
    write_catalog(settings.build_dir / "catalog", PARTS)
    training = run(settings).metrics["training"]
    assert (training["steps"], training["epochs"]) == (30, 3)


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(settings_for: SettingsMaker, tmp_path: Path) -> None:
    settings = settings_for(epochs=6)
    write_catalog(settings.build_dir / "catalog", PARTS)
    whole = settings.model_copy(update={"build_dir": tmp_path / "whole"})
    write_catalog(whole.build_dir / "catalog", PARTS)
    subprocess.run(command(whole), cwd=ROOT, env=environment(), check=True, capture_output=True)

    work = settings.build_dir / "training"
    process = subprocess.Popen(command(settings), cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: any(work.glob("checkpoint-*/trainer_state.json")), 120, pause=0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (settings.build_dir / "checkpoint").exists()
    # What the kill left of a checkpoint half written is no reason to stop, nor to begin anew.
    broken = work / "checkpoint-999"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(b"half")

    told = subprocess.run(command(settings), cwd=ROOT, env=environment(), check=True, capture_output=True, text=True)
    assert "Going on with the interrupted run, from step" in told.stderr
    resumed, uninterrupted = (
        json.loads((one.build_dir / "checkpoint" / "metrics.json").read_text()) for one in (settings, whole)
    )
    assert resumed["training"]["resumed_at_step"] >= 10
    assert resumed["training"]["steps"] == uninterrupted["training"]["steps"] == 60
    for name, tensor in weights(whole).items():
        assert torch.allclose(weights(settings)[name], tensor, atol=1e-5), name


def test_an_interrupted_run_of_other_settings_is_not_continued(
    settings_for: SettingsMaker, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", PARTS)
    left = settings.build_dir / "training" / "checkpoint-5"
    left.mkdir(parents=True)
    (left.parent / "run.json").write_text(json.dumps({"the training settings": {"epochs": 9}}))
    with caplog.at_level("INFO"):
        assert run(settings).metrics["training"]["resumed_at_step"] is None
    assert "An interrupted run is discarded, because the training products, the labels, the training settings" in (
        caplog.text
    )


def test_two_processes_learn_the_same_weights_as_one(settings_for: SettingsMaker, tmp_path: Path) -> None:
    # Without dropout, which each process draws for itself.
    settings = settings_for(learning_rate=1e-3, head_learning_rate=1e-3, dropout=0.0, baseline=False)
    write_catalog(settings.build_dir / "catalog", PARTS)
    alone = settings.model_copy(update={"build_dir": tmp_path / "alone"})
    write_catalog(alone.build_dir / "catalog", PARTS)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    ended = subprocess.run(command(settings, *launcher), cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    subprocess.run(command(alone), cwd=ROOT, env=environment(), check=True, capture_output=True)

    metrics = json.loads((settings.build_dir / "checkpoint" / "metrics.json").read_text())
    assert (metrics["training"]["processes"], metrics["training"]["steps"]) == (2, 40)
    shared, whole = (load_file(one.build_dir / "fine-tuned" / "model.safetensors") for one in (settings, alone))
    assert shared.keys() == whole.keys()
    for name, tensor in whole.items():
        # Attention does not depend on its keys' biases: their gradients are rounding errors, which Adam makes large.
        if not name.endswith("key.bias"):
            assert torch.allclose(shared[name], tensor, atol=1e-3), name
    assert not torch.allclose(shared["classifier.weight"], torch.zeros_like(whole["classifier.weight"]), atol=1e-2)
    assert ended.stdout.count("is complete") == 1, "one process speaks for both"
    assert run(settings).up_to_date, "the number of processes decides nothing"


def test_under_torchrun_a_mistake_is_told_once(settings_for: SettingsMaker) -> None:
    settings = settings_for()
    write_catalog(settings.build_dir / "catalog", {**PARTS, "train": []})
    for rank, told in (("0", 1), ("1", 0)):
        ended = subprocess.run(
            command(settings), cwd=ROOT, env={**environment(), "RANK": rank}, capture_output=True, text=True
        )
        assert (ended.returncode, ended.stderr.count("nothing to train on")) == (1, told)


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


def test_a_batch_that_two_processes_can_not_share_is_refused_before_anything_is_made(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(base="multilingual", batch_size=15)
    write_catalog(settings.build_dir / "catalog", PARTS)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="15, which 2 processes can't share"):
        train(settings)
    assert not (settings.build_dir / "base").exists()


def test_several_gpus_and_one_process_are_refused_with_the_command_that_uses_them(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    with pytest.raises(TrainingError, match=r"4 GPUs.*torchrun --nproc-per-node 4 -m training.*CUDA_VISIBLE_DEVICES=0"):
        train(settings_for())


def test_a_logger_that_is_not_installed_is_told_before_anything_is_made(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TrainingError, match="pip install wandb"):
        train(settings_for(base="multilingual", report_to="wandb"))


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


def test_few_validation_products_leave_the_n_gram_table_out_and_this_is_told(
    settings_for: SettingsMaker, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(epochs=1, ngram_buckets=64)
    write_catalog(settings.build_dir / "catalog", {**PARTS, "validation": make_products(49, 1000)})
    with caplog.at_level("INFO"):
        assert run(settings).metrics["training"]["ngram_buckets"] == 0
    assert "The categories' probabilities stay as trained: 49 validation products are too few." in caplog.text
    assert "The tags' probabilities stay as trained: the validation products carry 49, too few." in caplog.text
    assert not any(name.startswith("ngrams.") for name in weights(settings))


@pytest.mark.parametrize("missing", [("validation",), ("test",), ("validation", "test")])
def test_parts_that_are_empty_are_done_without(settings_for: SettingsMaker, missing: tuple[str, ...]) -> None:
    settings = settings_for(epochs=1)
    parts = {split: [] if split in missing else rows for split, rows in PARTS.items()}
    write_catalog(settings.build_dir / "catalog", parts)
    trained = run(settings)
    assert (trained.metrics["test"] is None) == ("test" in missing)
    assert (trained.checkpoint / "thresholds.json").exists()


def test_nothing_to_train_on_is_one_sentence(settings_for: SettingsMaker) -> None:
    settings = settings_for()
    write_catalog(settings.build_dir / "catalog", {**PARTS, "train": []})
    with pytest.raises(TrainingError, match="nothing to train on"):
        train(settings)


def test_a_missing_catalogue_names_the_command(settings_for: SettingsMaker, capfd: pytest.CaptureFixture[str]) -> None:
    settings = settings_for()
    settings.build_dir.mkdir(parents=True)
    done = subprocess.run(command(settings), cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "python -m catalog prepare" in done.stderr


def test_a_second_run_at_once_is_refused_and_leaves_the_first_alone(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=1)
    write_catalog(settings.build_dir / "catalog", PARTS)
    before = run(settings).metrics
    with locked(settings.build_dir / "training"), pytest.raises(Busy, match="Another run"):
        train(settings, force=True)
    assert run(settings).metrics == before


def test_a_full_disk_is_told_in_one_sentence_and_the_same_command_goes_on(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=2)
    write_catalog(settings.build_dir / "catalog", PARTS)
    # No file may grow beyond 2 MiB: the first checkpoint doesn't fit.
    limited = ["bash", "-c", 'ulimit -f 2048; exec "$@"', "bash", *command(settings)]
    done = subprocess.run(limited, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert "is full" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (settings.build_dir / "checkpoint").exists()
    assert run(settings).metrics["training"]["steps"] == 20


def test_ctrl_c_and_a_path_that_can_not_be_written_are_sentences(settings_for: SettingsMaker) -> None:
    settings = settings_for(epochs=200)
    write_catalog(settings.build_dir / "catalog", PARTS)
    run_directory = settings.build_dir / "training"
    run_directory.touch()
    refused = subprocess.run(command(settings), cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(f"error: {run_directory} can't be used: ")

    run_directory.unlink()
    process = subprocess.Popen(command(settings), cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        assert wait_until(lambda: any(run_directory.glob("checkpoint-*/trainer_state.json")), 120, pause=0.05)
    finally:
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert told.endswith("Interrupted. The same command goes on from the last saved step.\n")
    assert "Traceback" not in told
