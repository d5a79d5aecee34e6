"""The servers that are compared answer what the checkpoint says: FastAPI, LitServe, and the plain Triton ensemble."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import AutoTokenizer
from tritonclient import grpc

from catalog.prepared import read_split
from export.checkpoint import Checkpoint, read_checkpoint
from loadtest.bench.handmade import decide
from loadtest.bench.servers import FASTAPI, LITSERVE, Peer, fill_repository, plain_triton, require, started
from loadtest.errors import LoadtestError
from serving.processes import group_members
from serving.repository import read_config

pytestmark = pytest.mark.timeout(600)  # three servers import large libraries, on whatever cores there are


@pytest.fixture(scope="module")
def checkpoint(exported: Path) -> Checkpoint:
    return read_checkpoint(exported / "checkpoint")


@pytest.fixture(scope="module")
def graph(exported: Path) -> Path:
    """The FP32 graph, which the export leaves."""
    return exported / "onnx" / "model.onnx"


@pytest.fixture(scope="module")
def texts(exported: Path) -> list[str]:
    """Texts of several lengths."""
    return [example.text for example in read_split(exported / "catalog", "test")][:12]


def post(port: int, text: str) -> dict[str, Any]:
    """What a hand-written service answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/tag", json.dumps({"text": text}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def expected(checkpoint: Checkpoint, text: str) -> dict[str, Any]:
    """What the checkpoint itself says of a text."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)
    tokens = tokenizer(text, truncation=True, max_length=checkpoint.max_length, return_tensors="pt")
    with torch.inference_mode():
        logits = checkpoint.load_model()(tokens["input_ids"], tokens["attention_mask"]).logits[0].tolist()
    return decide(dict(zip(checkpoint.labels, logits, strict=True)), checkpoint.thresholds)


@pytest.mark.parametrize("peer", [FASTAPI, LITSERVE], ids=lambda peer: peer.name)
def test_a_hand_written_service_answers_as_the_checkpoint_does_and_leaves_no_process(
    peer: Peer, checkpoint: Checkpoint, texts: list[str], tmp_path: Path
) -> None:
    require(peer)
    with started(peer, checkpoint.path, checkpoint.max_length, tmp_path / "log") as server:
        with ThreadPoolExecutor(len(texts)) as clients:  # at once: LitServe joins them
            answers = list(clients.map(lambda text: post(server.port, text), texts))
        members = group_members(server.process)
        assert server.process in [one.pid for one in members]
    assert [one for one in members if one.alive()] == []
    for text, answer in zip(texts, answers, strict=True):
        wanted = expected(checkpoint, text)
        assert answer["category"] == wanted["category"]
        assert answer["category_score"] == pytest.approx(wanted["category_score"], abs=1e-4)
        assert {tag["name"] for tag in answer["tags"]} == {tag["name"] for tag in wanted["tags"]}


def test_a_peer_that_does_not_start_is_told_with_its_log(checkpoint: Checkpoint, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        pytest.raises(LoadtestError, match=f"LitServe did not start; its log: {log}"),
        started(LITSERVE, tmp_path / "nothing", 16, log),
    ):
        pass


def test_a_peer_whose_package_is_missing_is_not_left_out() -> None:
    with pytest.raises(LoadtestError, match=r"Other can't be measured: the package no_such is missing\."):
        require(Peer("Other", "no_such", "loadtest.bench.other", "/"))


def test_the_hand_written_services_decide_as_the_labeler_does() -> None:
    logits = {"category/food": 1.0, "category/home": 3.0, "tag/gift": 0.0, "tag/nuts": -3.0, "tag/red": -1.0}
    answer = decide(logits, {"gift": 0.6, "nuts": 0.5, "red": 0.2})
    assert answer["category"] == "home" and answer["category_score"] == pytest.approx(0.8808, abs=1e-4)
    assert [(tag["name"], round(tag["score"], 3)) for tag in answer["tags"]] == [("red", 0.269)]


@pytest.fixture(scope="module")
def ensemble(
    checkpoint: Checkpoint, graph: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[grpc.InferenceServerClient]:
    """A client of the plain ensemble, on the real Triton."""
    with plain_triton(checkpoint, graph, tmp_path_factory.mktemp("plain")) as server:
        client = grpc.InferenceServerClient(f"127.0.0.1:{server.port}")
        yield client
        client.close()


def ask(client: grpc.InferenceServerClient, texts: list[str]) -> dict[str, Any]:
    """All tensors that the ensemble answers."""
    tensor = grpc.InferInput("TEXT", [len(texts), 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[text.encode()] for text in texts], dtype=object))
    answer = client.infer("product_tagger", [tensor])
    return {output.name: answer.as_numpy(output.name) for output in answer.get_response().outputs}


def test_the_plain_ensemble_answers_the_probabilities_of_the_fp32_graph(
    ensemble: grpc.InferenceServerClient, checkpoint: Checkpoint, graph: Path, texts: list[str]
) -> None:
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    tokenizer = checkpoint.tokenizer()
    found = ask(ensemble, texts)["SCORES"]
    for text, row in zip(texts, found, strict=True):
        encoding = tokenizer.encode(text)
        feeds = {"input_ids": [encoding.ids], "attention_mask": [encoding.attention_mask]}
        (wanted,) = session.run(["SCORES"], {name: np.array(rows, dtype=np.int64) for name, rows in feeds.items()})
        np.testing.assert_allclose(row, wanted[0], atol=1e-5)
        np.testing.assert_allclose(ask(ensemble, [text])["SCORES"][0], wanted[0], atol=1e-5)


def test_the_plain_ensemble_names_the_category_and_the_tags_over_their_thresholds(
    ensemble: grpc.InferenceServerClient, checkpoint: Checkpoint, texts: list[str]
) -> None:
    found = ask(ensemble, texts)
    for row, text in enumerate(texts):
        wanted = expected(checkpoint, text)
        assert found["CATEGORY"][row, 0].decode() == wanted["category"]
        assert found["CATEGORY_SCORE"][row, 0] == pytest.approx(wanted["category_score"], abs=1e-4)
        given = [name.decode() for name in found["TAGS"][row] if name]
        assert sorted(given) == sorted(tag["name"] for tag in wanted["tags"])
        scores = found["TAG_SCORES"][row]
        assert list(scores) == sorted(scores, reverse=True) and not scores[len(given) :].any()


def test_the_plain_ensemble_is_what_triton_does_without_being_told_more(
    checkpoint: Checkpoint, graph: Path, tmp_path: Path
) -> None:
    fill_repository(checkpoint, graph, tmp_path / "repository")
    configs = [read_config(path) for path in (tmp_path / "repository").glob("*/config.pbtxt")]
    models = [config for config in configs if config.platform != "ensemble"]
    assert len(configs) == 4 and len(models) == 3
    for config in models:
        assert not config.HasField("dynamic_batching")
        assert [one.count for one in config.instance_group] == [1]
