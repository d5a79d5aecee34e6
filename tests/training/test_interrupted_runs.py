"""Runs that are interrupted, resumed, shared by two processes, or refused."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from serving.processes import wait_until
from steps import INTERRUPTED, Busy, locked
from tests.training.conftest import SettingsMaker, write_catalog
from tests.training.runs import PARTS, arguments, command, environment, run, weights
from training.__main__ import main
from training.errors import TrainingError
from training.pipeline import train

ROOT = Path(__file__).parents[2]


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(settings_for: SettingsMaker, tmp_path: Path) -> None:
    settings = settings_for(epochs=6)
    write_catalog(settings.build_dir / "catalog", PARTS)
    whole = settings.model_copy(update={"build_dir": tmp_path / "whole"})
    write_catalog(whole.build_dir / "catalog", PARTS)
    subprocess.run(command(whole), cwd=ROOT, env=environment(), check=True, capture_output=True)

    work = settings.build_dir / "training"
    process = subprocess.Popen(command(settings), cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    try:
        # Of two the first is written to its end, however slow the machine is.
        assert wait_until(lambda: len([*work.glob("checkpoint-*/trainer_state.json")]) > 1, 120, pause=0.005)
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
    assert resumed["training"]["steps"] == uninterrupted["training"]["steps"] == 55
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
    # Without dropout, which each process draws for itself. With the six names these are whole batches: of a short one
    # the processes have unequal shares, and it counts a little differently.
    settings = settings_for(learning_rate=1e-3, head_learning_rate=1e-3, dropout=0.0, baseline=False)
    parts = {**PARTS, "train": PARTS["train"][:154]}
    write_catalog(settings.build_dir / "catalog", parts)
    alone = settings.model_copy(update={"build_dir": tmp_path / "alone"})
    write_catalog(alone.build_dir / "catalog", parts)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    ended = subprocess.run(command(settings, *launcher), cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    subprocess.run(command(alone), cwd=ROOT, env=environment(), check=True, capture_output=True)

    metrics = json.loads((settings.build_dir / "checkpoint" / "metrics.json").read_text())
    assert (metrics["training"]["processes"], metrics["training"]["steps"]) == (2, 40)
    shared, whole = (
        load_file(one.build_dir / "encoders" / "fine-tuned" / "model.safetensors") for one in (settings, alone)
    )
    assert shared.keys() == whole.keys()
    for name, tensor in whole.items():
        # Attention does not depend on its keys' biases: their gradients are rounding errors, which Adam makes large.
        if not name.endswith("key.bias"):
            assert torch.allclose(shared[name], tensor, atol=1e-3), name
    assert not torch.allclose(shared["classifier.weight"], torch.zeros_like(whole["classifier.weight"]), atol=1e-2)
    assert ended.stdout.count("is complete") == 1, "one process speaks for both"
    assert run(settings).up_to_date, "the number of processes decides nothing"


def test_under_torchrun_a_mistake_is_told_once(
    settings_for: SettingsMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for()
    write_catalog(settings.build_dir / "catalog", {**PARTS, "train": []})
    for rank, told in (("0", 1), ("1", 0)):
        monkeypatch.setenv("RANK", rank)
        assert main(arguments(settings)) == 1
        assert capsys.readouterr().err.count("nothing to train on") == told


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


def test_nothing_to_calibrate_and_compare_by_is_told_before_the_training(settings_for: SettingsMaker) -> None:
    settings = settings_for()
    write_catalog(settings.build_dir / "catalog", {"train": PARTS["train"]})
    with pytest.raises(TrainingError, match="no product in its validation and test parts"):
        train(settings)


def test_nothing_to_train_on_is_one_sentence(settings_for: SettingsMaker) -> None:
    settings = settings_for()
    write_catalog(settings.build_dir / "catalog", {**PARTS, "train": []})
    with pytest.raises(TrainingError, match="nothing to train on"):
        train(settings)


def test_a_missing_catalogue_names_the_command(settings_for: SettingsMaker, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for()
    settings.build_dir.mkdir(parents=True)
    assert main(arguments(settings)) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ") and "python -m catalog prepare" in told


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
    assert run(settings).metrics["training"]["steps"] == 22


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
