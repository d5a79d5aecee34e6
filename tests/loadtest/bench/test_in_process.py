"""The served models without a server, which is what the ceiling is measured with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catalog.prepared import read_split
from export.checkpoint import read_checkpoint
from export.served import served_module
from loadtest.bench.ceiling import InProcess
from loadtest.bench.errors import BenchError
from loadtest.bench.in_process import Job, Scorer, batches, compute
from loadtest.bench.measure import Load
from loadtest.bench.models import PythonModel
from loadtest.bench.server import Asked
from serving.releases import current_release
from serving.repository import CONFIG, render_repository
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
    with pytest.raises(BenchError, match="The model refused a text: row 1: the text is empty"):
        Scorer(repository).score(["a dress", " "])


def test_a_model_that_runs_without_python_can_not_be_loaded(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text('name: "classifier"\nbackend: "tensorrt"\n')
    with pytest.raises(BenchError, match="make export TARGET=cpu"):
        PythonModel(tmp_path)


def test_neighbours_in_length_share_a_batch_and_the_processes_share_the_batches() -> None:
    texts = [f"text {number:02}" for number in range(20)]
    own = [batches(texts, 4, (number, 2)) for number in range(2)]
    first = [next(one) for one in own for _ in range(3 - (one is own[1]))]
    assert sorted(first) == [texts[start : start + 4] for start in range(0, 20, 4)]
    assert next(own[1]) == first[3]  # from the beginning again
    assert len({tuple(next(batches(["a"], 4, (number, 2)))) for number in range(2)}) == 1


def test_texts_are_sorted_by_what_the_classifier_reads_of_them(repository: Path) -> None:
    assert Scorer(repository).by_length(["tea for two and more", "tea", "summer dress"]) == [
        "tea", "summer dress", "tea for two and more",
    ]  # fmt: skip


def test_a_process_counts_the_batches_of_the_measured_time(repository: Path, texts: list[str]) -> None:
    scorer = Scorer(repository)
    outcome = compute(Job(str(repository), None, texts, 4, (0, 1), 0.0, 0.2), scorer, scorer.by_length(texts))
    assert outcome.latencies and sum(outcome.latencies) == pytest.approx(outcome.seconds, abs=0.01)
    assert outcome.seconds >= 0.2 and outcome.cpu_seconds > 0


def test_all_cores_compute_at_once_and_their_figures_are_added_up(
    repository: Path, texts: list[str], tmp_path: Path
) -> None:
    asked = Asked(texts, 0.1, 0.3)
    contestant = InProcess("in process", repository, None, asked, tmp_path / "log")
    found = contestant.run(Load(2, 16))
    assert found.texts_per_second > 0 and found.cpu_ms > 0 and not found.errors
    assert 0 < found.p50_ms <= found.p99_ms and found.rss_mib > found.pss_mib > 0
    assert (tmp_path / "log").read_text() == ""


def test_a_process_that_fails_is_told_with_what_it_said(repository: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    contestant = InProcess("in process", repository, tmp_path / "no.onnx", Asked(["tea"], 0.0, 0.1), log)
    with pytest.raises(BenchError, match=f"A process of 'in process' ended before its time; what it told: {log}"):
        contestant.run(Load(1))
    assert "no.onnx" in log.read_text()
