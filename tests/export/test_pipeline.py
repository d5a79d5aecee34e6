"""The whole export on a small checkpoint: what it makes, what it repeats, and what it leaves when it can't."""

from __future__ import annotations

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

from export import gate
from export.engine import Workload
from export.engines.int8_graph import VARIANTS
from export.engines.onnxruntime_int8 import OnnxRuntimeInt8
from export.errors import ExportError
from export.parity import Limits
from export.pipeline import export
from export.served import served_module
from serving.releases import current_release, release_before_current, switch_current
from steps import directory_digest
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
    assert directory_digest(tokenizer / "cleaning") == directory_digest(Path("catalog/cleaning"))
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
    assert found.up_to_date and found.current == found.release.id
    assert place_with_release.files() == before


def test_force_exports_again(place_with_release: Place) -> None:
    first = current_release(place_with_release.releases).id
    made = export(place_with_release.settings(), force=True)
    assert not made.up_to_date and made.release.id > first  # the same content, maybe within the same second
    assert set(made.release.manifest["seconds"]) == {"graph", "parity", "engine fast", "parity fast"}


def test_changed_held_out_products_are_exported_and_named(
    place_with_release: Place, caplog: pytest.LogCaptureFixture
) -> None:
    path = place_with_release.catalog / "test.jsonl"
    content = path.read_bytes()
    path.write_bytes(content + content.splitlines(keepends=True)[0])
    caplog.set_level("INFO")
    made = export(place_with_release.settings())
    assert set(made.release.manifest["seconds"]) == {"parity", "parity fast"}
    assert "The release is made, because the held-out products changed since" in caplog.text


def test_an_edited_display_name_makes_a_release_and_no_graph(
    place_with_release: Place, caplog: pytest.LogCaptureFixture
) -> None:
    path = place_with_release.checkpoint / "taxonomy.json"
    taxonomy = json.loads(path.read_text())
    taxonomy["categories"][0]["names"] = {"en": "Clothes"}
    path.write_text(json.dumps(taxonomy))
    caplog.set_level("INFO")
    made = export(place_with_release.settings())
    assert set(made.release.manifest["seconds"]) == {"parity", "parity fast"}
    assert "The release is made, because the checkpoint changed since" in caplog.text
    assert "Clothes" in (made.release.repository / "product_tagger" / "config.pbtxt").read_text()


def test_what_training_adds_to_a_published_checkpoint_makes_nothing_again(place_with_release: Place) -> None:
    for name in ("metrics.json", "README.md", "made-from.json"):
        (place_with_release.checkpoint / name).write_text('{"test": {}}')
    assert export(place_with_release.settings()).up_to_date


def test_a_checkpoint_that_is_not_yet_measured_is_exported(place_with_graph: Place) -> None:
    (place_with_graph.checkpoint / "metrics.json").unlink()
    assert export(place_with_graph.settings()).release.metrics == {}


def test_a_release_whose_files_were_changed_is_made_again(
    place_with_release: Place, caplog: pytest.LogCaptureFixture
) -> None:
    former = current_release(place_with_release.releases)
    (former.repository / "classifier" / "1" / "labeling.py").write_text("")
    caplog.set_level("INFO")
    made = export(place_with_release.settings())
    assert not made.up_to_date and made.release.differences() == []
    assert f"because classifier/1/labeling.py was changed in {former.id}" in caplog.text


def test_changed_settings_don_t_make_the_graphs_again(place_with_release: Place) -> None:
    made = export(place_with_release.settings(parity_products=50))
    assert set(made.release.manifest["seconds"]) == {"parity", "parity fast"}
    assert made.release.manifest["parity"]["products"] == {"test": 50, "validation": 0}


def test_a_rollback_is_not_undone_by_an_export_that_has_nothing_to_do(place_with_release: Place) -> None:
    export(place_with_release.settings(parity_products=50))
    older = release_before_current(place_with_release.releases)
    switch_current(place_with_release.releases, older.id)
    found = export(place_with_release.settings(parity_products=50))
    assert found.up_to_date and found.release.id != older.id
    assert found.current == older.id == current_release(place_with_release.releases).id


def test_a_failing_gate_names_what_failed_and_leaves_the_releases_alone(
    place_with_release: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = place_with_release.files()
    current = current_release(place_with_release.releases).id
    monkeypatch.setattr(gate, "GRAPH_LIMITS", Limits(max_difference=1e-12))
    with pytest.raises(ExportError) as caught:
        export(place_with_release.settings(), force=True)
    message = str(caught.value)
    assert f"{current} stays current" in message
    assert "FAILED  FP32 ONNX: a probability differs by" in message and "PyTorch" in message
    assert place_with_release.files() == before and place_with_release.leftovers() == []
    assert json.loads((place_with_release.build / "reports" / "parity.json").read_text())["passed"] is False


def upside_down(monkeypatch: pytest.MonkeyPatch, *variants: str) -> None:
    """Let some variants of the engine answer the opposite of what they should."""
    build = OnnxRuntimeInt8.build

    def spoilt(self: OnnxRuntimeInt8, graph: Path, path: Path, variant: str, workload: Workload) -> None:
        build(self, graph, path, variant, workload)
        if variant in variants:
            model = onnx.load(str(path))
            weight = next(entry for entry in model.graph.initializer if entry.name == "classifier.weight")
            weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), weight.name))
            onnx.save(model, str(path))

    monkeypatch.setattr(OnnxRuntimeInt8, "build", spoilt)


@pytest.mark.parametrize(
    ("spoilt", "taken"),
    [(("fast",), "values"), (("fast", "values"), "blocks")],
    ids=["values", "blocks"],
)
def test_the_next_variant_is_taken_where_the_faster_ones_fail(
    place_with_graph: Place, monkeypatch: pytest.MonkeyPatch, spoilt: tuple[str, ...], taken: str
) -> None:
    upside_down(monkeypatch, *spoilt)
    manifest = export(place_with_graph.settings()).release.manifest
    assert manifest["engine"]["variant"] == taken
    assert [graph["passed"] for graph in manifest["parity"]["graphs"]] == [True, *(False for _ in spoilt), True]
    assert manifest["engine"]["int8_products"] > 0
    assert f"So INT8 ONNX, {taken} is taken" in (place_with_graph.build / "reports" / "parity.txt").read_text()


def test_an_export_fails_where_every_variant_does(place_with_release: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    upside_down(monkeypatch, *VARIANTS)
    before = place_with_release.files()
    with pytest.raises(ExportError, match=r"FAILED  INT8 ONNX, blocks: .* keep their category"):
        export(place_with_release.settings(), force=True)
    assert place_with_release.files() == before


def test_a_failing_gate_without_a_release_leaves_none(place_with_graph: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "GRAPH_LIMITS", Limits(max_difference=1e-12))
    with pytest.raises(ExportError, match="no release stays current"):
        export(place_with_graph.settings())
    assert not place_with_graph.releases.exists()


def test_a_release_that_was_put_in_place_but_not_made_current_becomes_so(place_with_release: Place) -> None:
    first = current_release(place_with_release.releases).id
    second = export(place_with_release.settings(parity_products=50)).release.id
    switch_current(place_with_release.releases, first)
    (place_with_release.releases / ".switching").write_text(second)  # what a kill between the two steps leaves
    found = export(place_with_release.settings(parity_products=50))
    assert found.up_to_date and found.current == second
    assert place_with_release.leftovers() == []


def test_a_base_with_another_padding_and_vocabulary_is_exported_likewise(place: Place) -> None:
    shutil.rmtree(place.checkpoint)
    write_checkpoint(place.checkpoint, other_tokenizer())
    release = export(place.settings()).release
    settings = json.loads((release.repository / "classifier" / "1" / "tokenizer_settings.json").read_text())
    assert settings == {"max_length": MAX_LENGTH, "pad_token_id": 1}


def test_a_catalogue_without_tags_is_exported(place: Place) -> None:
    taxonomy = type(TAXONOMY)(TAXONOMY.categories)
    shutil.rmtree(place.checkpoint)
    write_checkpoint(place.checkpoint, english_tokenizer(), taxonomy)
    write_catalog(place.catalog, taxonomy)
    manifest = export(place.settings()).release.manifest
    assert manifest["labels"] == {"categories": 3, "tags": 0}


def test_a_missing_catalogue_says_what_to_run(place: Place) -> None:
    shutil.rmtree(place.catalog)
    with pytest.raises(ExportError, match=r"test\.jsonl is missing.*Run `python -m catalog prepare`"):
        export(place.settings())


def test_a_category_the_checkpoint_does_not_know_says_so(place_with_graph: Place) -> None:
    path = place_with_graph.catalog / "test.jsonl"
    path.write_text(path.read_text().replace('"food"', '"drinks"'))
    with pytest.raises(ExportError, match=r"has the category 'drinks', which the taxonomy does not list"):
        export(place_with_graph.settings())


def test_an_unknown_target_is_refused_with_those_there_are(place: Place) -> None:
    with pytest.raises(ExportError, match="no target 'tpu'; there is: cpu, gpu"):
        export(place.settings(), "tpu")
