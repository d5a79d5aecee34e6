"""The served models without a server, which is what the ceiling is measured with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from catalog.prepared import read_split
from export.checkpoint import read_checkpoint
from export.served import served_module
from loadtest.bench.contestant import Contestant
from loadtest.bench.load import Job, drive, prepare, shared_batches
from loadtest.bench.measure import Load
from loadtest.bench.models import Scorer
from loadtest.errors import LoadtestError
from serving.releases import current_release
from serving.repository import CONFIG, render_repository
from serving.temporary import free_ports
from settings import ServingSettings


@pytest.fixture(scope="module")
def repository(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's repository as it is served, for one thread a process."""
    target = tmp_path_factory.mktemp("served") / "repository"
    render_repository(current_release(exported / "releases"), ServingSettings(instances=1, threads=1), target)
    return target


@pytest.fixture(scope="module")
def texts(exported: Path) -> list[str]:
    """Texts of several lengths."""
    return [example.text for example in read_split(exported / "catalog", "test")]


def test_the_served_models_score_texts_as_the_graph_of_the_release_does(
    repository: Path, exported: Path, texts: list[str]
) -> None:
    tokenizer = read_checkpoint(exported / "checkpoint").tokenizer()
    float32 = served_module("session").open_session(exported / "onnx" / "model.onnx", 1)
    found = Scorer(repository).score(texts)
    same = Scorer(repository, exported / "onnx" / "model.onnx").score(texts)
    for text, engine, graph in zip(texts, found, same, strict=True):
        encoding = tokenizer.encode(text)
        feeds = {"input_ids": [encoding.ids], "attention_mask": [encoding.attention_mask]}
        (wanted,) = float32.run(["SCORES"], {name: np.array(rows, dtype=np.int64) for name, rows in feeds.items()})
        np.testing.assert_allclose(graph, wanted[0], atol=1e-5)
        np.testing.assert_allclose(engine, wanted[0], atol=0.2)  # INT8


def test_texts_are_cleaned_as_the_server_cleans_them(repository: Path) -> None:
    scorer = Scorer(repository)
    np.testing.assert_array_equal(scorer.score(["<b>Cotton</b>   DRESS"]), scorer.score(["Cotton DRESS"]))


def test_a_text_that_the_server_would_refuse_is_told(repository: Path) -> None:
    with pytest.raises(LoadtestError, match="The model refused a text: row 1: the text is empty"):
        Scorer(repository).score(["a dress", " "])


def test_a_model_that_runs_without_python_can_not_be_loaded(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository, tmp_path / "repository")
    (tmp_path / "repository" / "classifier" / CONFIG).write_text('name: "classifier"\nbackend: "tensorrt"\n')
    with pytest.raises(LoadtestError, match="make export TARGET=cpu"):
        Scorer(tmp_path / "repository")


def test_neighbours_in_length_share_a_batch_and_the_processes_share_the_batches() -> None:
    texts = [f"text {number:02}" for number in range(20)]
    own = [shared_batches(texts, 4, (number, 2)) for number in range(2)]
    assert sorted(own[0] + own[1]) == [texts[start : start + 4] for start in range(0, 20, 4)]
    assert own[0] == shared_batches(texts, 4, (0, 2))
    assert [shared_batches(["a"], 2, (number, 2)) for number in range(2)] == [[["a", "a"]]] * 2


def test_texts_are_sorted_by_what_the_classifier_reads_of_them(repository: Path) -> None:
    assert Scorer(repository).by_length(["tea for two and more", "tea", "summer dress"]) == [
        "tea", "summer dress", "tea for two and more",
    ]  # fmt: skip


def test_a_process_counts_the_batches_of_the_measured_time(repository: Path, texts: list[str]) -> None:
    job = Job("model", texts, 0.0, 0.2, texts_each=4, repository=str(repository))
    outcome = drive(job, *prepare(job), lambda word: None)
    assert outcome.latencies and sum(outcome.latencies) == pytest.approx(outcome.seconds, abs=0.1)
    assert outcome.seconds >= 0.2 and outcome.cpu_seconds > 0


def test_all_cores_compute_at_once_and_their_figures_are_added_up(
    repository: Path, texts: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    contestant = Contestant("in process", Job("model", texts, 0.1, 0.3, repository=str(repository)))
    found = contestant.run(Load(2, 16))
    assert found.texts_per_second > 0 and found.cpu_ms > 0 and not found.errors and not found.generator_cpu_ms
    assert 0 < found.p50_ms <= found.p99_ms and found.rss_mib > found.pss_mib > 0
    assert capfd.readouterr().err == ""


def test_a_process_that_fails_is_told_and_what_it_said_is_shown(
    repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = Job("model", ["tea"], 0.0, 0.1, repository=str(repository), graph=str(tmp_path / "no.onnx"))
    with pytest.raises(LoadtestError, match="The load generator of in process ended before its time"):
        Contestant("in process", job).run(Load(1))
    assert "no.onnx" in capfd.readouterr().err


def test_a_server_that_answers_nothing_is_told() -> None:
    (port,) = free_ports(1)
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        system = Contestant("Nobody", Job("http", ["text"], 0.0, 0.2, port), sleeping.pid)
        with pytest.raises(LoadtestError, match=r"Nobody answered no request\. \d+ got: Connect"):
            system.run(Load(1))
        sleeping.kill()
