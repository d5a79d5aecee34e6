"""The whole export on a small checkpoint: what it makes, what it repeats, and what it leaves when it can't."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from onnx import numpy_helper
from tokenizers import Tokenizer
from tritonclient.grpc import model_config_pb2

from export.engines import Workload, onnxruntime_int8
from export.errors import ExportError
from export.pipeline import export
from export.release import Releases
from export.served import served_module
from serving.releases import current_release, read_release, release_before_current, switch_current
from tests.export.conftest import (
    MAX_LENGTH,
    TAXONOMY,
    Place,
    english_tokenizer,
    other_tokenizer,
    write_catalog,
    write_checkpoint,
)

WIDTH = len(TAXONOMY.category_ids) + len(TAXONOMY.tag_ids)


def test_a_release_is_complete_and_serving_can_read_it(exported: Place) -> None:
    release = current_release(exported.releases)
    assert re.fullmatch(r"\d{8}T\d{6}Z-cpu-[0-9a-f]{8}", release.id)
    assert release.target == "cpu" and release.manifest["id"] == release.id
    assert release.metrics == {"category_accuracy": 0.98, "tag_micro_f1": 0.97}
    tokenizer = labeler = release.repository / "classifier" / "1"
    assert json.loads((tokenizer / "tokenizer_settings.json").read_text()) == {
        "max_length": MAX_LENGTH,
        "pad_token_id": 0,
    }
    assert (tokenizer / "cleaning.py").read_bytes() == Path("catalog/cleaning.py").read_bytes()
    assert json.loads((labeler / "thresholds.json").read_text()) == {"tags": dict.fromkeys(TAXONOMY.tag_ids, 0.4)}
    assert [c["id"] for c in json.loads((labeler / "taxonomy.json").read_text())["categories"]] == list(
        TAXONOMY.category_ids
    )
    labels = (release.repository / "product_scores" / "labels.txt").read_text().split()
    assert labels[0] == "category/apparel" and labels[-1] == "tag/cotton" and len(labels) == WIDTH
    assert exported.leftovers() == []


def test_the_configurations_say_how_many_scores_there_are_and_keep_their_comments(exported: Place) -> None:
    repository = current_release(exported.releases).repository
    for model in ("classifier", "product_scores"):
        text = (repository / model / "config.pbtxt").read_text()
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
        dims = {tensor.name: list(tensor.dims) for tensor in config.output}
        assert dims["SCORES"] == [WIDTH]
        assert text.startswith("# ")
    assert {path.name for path in repository.iterdir()} == {"classifier", "product_scores", "product_tagger"}
    assert all((path / "1").is_dir() and not (path / "configs").exists() for path in repository.iterdir())


def test_the_manifest_tells_where_a_release_comes_from(exported: Place) -> None:
    manifest = current_release(exported.releases).manifest
    assert len(manifest["checkpoint_digest"]) == len(manifest["held_out_digest"]) == 64
    assert {"torch", "transformers", "optimum", "onnx", "onnxruntime", "python"} <= set(manifest["versions"])
    assert manifest["parity"]["passed"] and [g["graph"] for g in manifest["parity"]["graphs"]] == [
        "FP32 ONNX",
        "INT8 ONNX, fast",
    ]
    assert manifest["parity"]["products"] == {"test": 120, "validation": 40}
    assert manifest["engine"]["int8_products"] > 0
    assert set(manifest["seconds"]) == {"graph", "parity", "engine fast", "parity fast"}
    assert set(manifest) >= {"git_commit", "git_dirty"}


def test_the_served_graph_answers_what_the_labels_say(exported: Place) -> None:
    release = current_release(exported.releases)
    session = served_module("session").open_session(release.repository / "classifier" / "1" / "model.onnx", 1)
    ids = (
        Tokenizer.from_file(str(release.repository / "classifier" / "1" / "tokenizer.json")).encode("tea gift box").ids
    )
    tokens = np.array([ids], dtype=np.int64)
    scores = session.run(["SCORES"], {"input_ids": tokens, "attention_mask": np.ones_like(tokens)})[0][0]
    assert TAXONOMY.category_ids[scores[:3].argmax()] == "food"
    assert [tag for tag, score in zip(TAXONOMY.tag_ids, scores[3:], strict=True) if score > 0.5] == ["gift"]


def test_a_second_run_finds_all_up_to_date(place_with_release: Place) -> None:
    before = place_with_release.files()
    found = export(place_with_release.settings())
    assert found.up_to_date and found.current == found.release.name
    assert place_with_release.files() == before


def test_force_exports_again(place_with_release: Place) -> None:
    first = current_release(place_with_release.releases).id
    made = export(place_with_release.settings(), force=True)
    assert not made.up_to_date and made.release.name > first  # the same content, maybe within the same second
    assert set(made.manifest["seconds"]) == {"graph", "parity", "engine fast", "parity fast"}


@pytest.mark.parametrize(
    ("file", "what"),
    [("checkpoint/thresholds.json", "the checkpoint"), ("catalog/test.jsonl", "the held-out products")],
)
def test_a_changed_input_is_exported_and_named(
    place_with_release: Place, caplog: pytest.LogCaptureFixture, file: str, what: str
) -> None:
    path = place_with_release.build / file
    content = path.read_bytes()
    path.write_bytes(content + (b"\n" if path.suffix == ".json" else content.splitlines(keepends=True)[0]))
    caplog.set_level("INFO", logger="export")
    assert not export(place_with_release.settings()).up_to_date
    assert f"because {what} changed" in caplog.text


def test_changed_settings_don_t_make_the_graphs_again(place_with_release: Place) -> None:
    made = export(place_with_release.settings(parity_products=50))
    assert set(made.manifest["seconds"]) == {"parity", "parity fast"}
    assert made.manifest["parity"]["products"] == {"test": 50, "validation": 0}


def test_a_rollback_is_not_undone_by_an_export_that_has_nothing_to_do(place_with_release: Place) -> None:
    export(place_with_release.settings(parity_products=50))
    older = release_before_current(place_with_release.releases)
    switch_current(place_with_release.releases, older.id)
    found = export(place_with_release.settings(parity_products=50))
    assert found.up_to_date and found.release.name != older.id
    assert found.current == older.id == current_release(place_with_release.releases).id


def test_a_failing_gate_names_what_failed_and_leaves_the_releases_alone(place_with_release: Place) -> None:
    before = place_with_release.files()
    current = current_release(place_with_release.releases).id
    with pytest.raises(ExportError) as caught:
        export(place_with_release.settings(max_probability_difference_fp32=1e-12))
    message = str(caught.value)
    assert f"{current} stays current" in message
    assert "FAILED  FP32 ONNX: a probability differs by" in message and "PyTorch" in message
    assert place_with_release.files() == before and place_with_release.leftovers() == []
    assert json.loads((place_with_release.build / "reports" / "parity.json").read_text())["passed"] is False


def upside_down(monkeypatch: pytest.MonkeyPatch, *variants: str) -> None:
    """Let some variants of the engine answer the opposite of what they should."""
    build = onnxruntime_int8.build

    def spoilt(graph: Path, path: Path, variant: str, workload: Workload) -> None:
        build(graph, path, variant, workload)
        if variant in variants:
            model = onnx.load(str(path))
            weight = next(entry for entry in model.graph.initializer if entry.name == "classifier.weight")
            weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), weight.name))
            onnx.save(model, str(path))

    monkeypatch.setattr(onnxruntime_int8, "build", spoilt)


@pytest.mark.parametrize(
    ("spoilt", "taken"),
    [(("fast",), "values"), (("fast", "values"), "careful"), (("fast", "values", "careful"), "blocks")],
    ids=["values", "careful", "blocks"],
)
def test_the_next_variant_is_taken_where_the_faster_ones_fail(
    place: Place, monkeypatch: pytest.MonkeyPatch, spoilt: tuple[str, ...], taken: str
) -> None:
    upside_down(monkeypatch, *spoilt)
    manifest = export(place.settings()).manifest
    assert manifest["engine"]["variant"] == taken
    assert [graph["passed"] for graph in manifest["parity"]["graphs"]] == [True, *(False for _ in spoilt), True]
    assert manifest["engine"]["int8_products"] > 0
    assert f"So INT8 ONNX, {taken} is taken" in (place.build / "reports" / "parity.txt").read_text()


def test_an_export_fails_where_every_variant_does(place_with_release: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    upside_down(monkeypatch, *onnxruntime_int8.VARIANTS)
    before = place_with_release.files()
    with pytest.raises(ExportError, match=r"FAILED  INT8 ONNX, blocks: .* keep their category"):
        export(place_with_release.settings(), force=True)
    assert place_with_release.files() == before


def test_a_failing_gate_without_a_release_leaves_none(place: Place) -> None:
    with pytest.raises(ExportError, match="no release stays current"):
        export(place.settings(max_probability_difference_fp32=1e-12))
    assert not place.releases.exists()


def test_old_releases_are_removed_but_not_the_current_and_not_a_served_one(place_with_release: Place) -> None:
    releases = place_with_release.releases
    first = current_release(releases)
    for day in range(1, 6):
        copy = releases / f"2026010{day}T000000Z-cpu-00000000"
        shutil.copytree(first.path, copy)
        manifest = {**first.manifest, "id": copy.name}
        (copy / "manifest.json").write_text(json.dumps(manifest))
    served = place_with_release.build / "serving" / "8000"
    served.mkdir(parents=True)
    (served / "state.json").write_text(json.dumps({"release": "20260102T000000Z-cpu-00000000"}))
    switch_current(releases, "20260103T000000Z-cpu-00000000")
    removed = Releases(releases).prune(keep=2)
    assert removed == ["20260101T000000Z-cpu-00000000", "20260104T000000Z-cpu-00000000"]
    assert sorted(path.name for path in releases.iterdir() if not path.is_symlink()) == [
        "20260102T000000Z-cpu-00000000",
        "20260103T000000Z-cpu-00000000",
        "20260105T000000Z-cpu-00000000",
        first.id,
    ]


def test_a_release_that_was_put_in_place_but_not_made_current_becomes_so(place_with_release: Place) -> None:
    first = current_release(place_with_release.releases).id
    second = export(place_with_release.settings(parity_products=50)).release.name
    switch_current(place_with_release.releases, first)
    (place_with_release.releases / ".switching").write_text(second)  # what a kill between the two steps leaves
    found = export(place_with_release.settings(parity_products=50))
    assert found.up_to_date and found.current == second
    assert place_with_release.leftovers() == []


def test_two_exports_at_once_are_one_too_many(place: Place) -> None:
    with (place.build / ".export.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(ExportError, match="Another export is writing"):
            export(place.settings())


def test_a_base_with_another_padding_and_vocabulary_is_exported_likewise(place: Place) -> None:
    shutil.rmtree(place.checkpoint)
    write_checkpoint(place.checkpoint, other_tokenizer())
    release = read_release(export(place.settings()).release)
    settings = json.loads((release.repository / "classifier" / "1" / "tokenizer_settings.json").read_text())
    assert settings == {"max_length": MAX_LENGTH, "pad_token_id": 1}


def test_a_catalogue_without_tags_is_exported(place: Place) -> None:
    taxonomy = type(TAXONOMY)(TAXONOMY.categories)
    shutil.rmtree(place.checkpoint)
    write_checkpoint(place.checkpoint, english_tokenizer(), taxonomy)
    write_catalog(place.catalog, taxonomy)
    manifest = export(place.settings()).manifest
    assert manifest["labels"] == {"categories": 3, "tags": 0}


def test_a_missing_catalogue_says_what_to_run(place: Place) -> None:
    shutil.rmtree(place.catalog)
    with pytest.raises(ExportError, match=r"test\.jsonl is missing.*Run `python -m catalog prepare`"):
        export(place.settings())


def test_a_category_the_checkpoint_does_not_know_says_so(place: Place) -> None:
    path = place.catalog / "test.jsonl"
    path.write_text(path.read_text().replace('"food"', '"drinks"'))
    with pytest.raises(ExportError, match=r"has the category 'drinks', which the taxonomy does not list"):
        export(place.settings())


def test_an_unknown_target_is_refused_with_those_there_are(place: Place) -> None:
    with pytest.raises(ExportError, match="no target 'tpu'; there is: cpu, gpu"):
        export(place.settings(), "tpu")
