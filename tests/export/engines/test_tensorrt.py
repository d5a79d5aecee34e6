"""TARGET=gpu as a whole: what a machine without a GPU makes, and what is made of a plan where there is one.

There is no GPU here, so for a release TensorRT for RTX stands in for TensorRT: it compiles the same graph for real.
What it made can't be run without a GPU; the FP16 graph answers in the plan's place, padded as the plan needs it.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from export.__main__ import INCOMPLETE, main
from export.engines import tensorrt
from export.engines.float16 import graph as float16
from export.engines.plan import runtime
from export.engines.plan.api import TensorRT
from export.engines.plan.gpu import Gpu
from export.engines.tensorrt import TensorRTPlan
from export.errors import ExportError, Incomplete
from export.held_out import Scorer
from export.onnx_scorer import open_scorer
from export.pipeline import export
from serving.releases import Release, current_release
from tests.export.conftest import MAX_LENGTH, Place

GPU = Gpu(name="NVIDIA Test", compute_capability="9.9", driver="999.1", cuda="13.0")
pytestmark = pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX:DeprecationWarning")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests mean the same on a machine that has one."""
    monkeypatch.setattr(tensorrt, "find_gpu", lambda: None)
    monkeypatch.setattr(tensorrt, "find_tensorrt", lambda: None)


def stand_in_for_gpu(patch: pytest.MonkeyPatch, verifier: TensorRT) -> list[tuple[int, ...]]:
    """Puts a GPU and TensorRT in place, as described above; returns the shapes that the plan is asked for."""
    shapes: list[tuple[int, ...]] = []

    class Runner:
        def __init__(self, trt: TensorRT, path: Path) -> None:
            facts = json.loads((path.parent / "facts.json").read_text())
            self._lengths = {profile["length"]: profile["max_batch"] for profile in facts["profiles"]}
            newest = max(path.parents[1].glob("*/model.onnx"), key=lambda graph: graph.stat().st_mtime_ns)
            self._scorer: Scorer = TensorRTPlan().open_scorer(newest, 1)

        def __call__(self, ids: Any, mask: Any) -> Any:
            assert len(ids) <= self._lengths[ids.shape[1]]
            shapes.append(ids.shape)
            return self._scorer(ids, mask)

        def facts(self) -> Mapping[str, Any]:
            return {"compiled_layers": 7, "device_memory_bytes": [1_000_000] * len(self._lengths)}

    patch.setattr(tensorrt, "find_gpu", lambda: GPU)
    patch.setattr(tensorrt, "find_tensorrt", lambda: verifier)
    patch.setattr(runtime, "PlanRunner", Runner)
    return shapes


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch, verifier: TensorRT, no_gpu: None) -> list[tuple[int, ...]]:
    """A GPU and TensorRT for one test; the shapes that the plan was asked for."""
    return stand_in_for_gpu(monkeypatch, verifier)


@dataclasses.dataclass(frozen=True)
class Planned:
    """A build directory with a release for GPUs; nobody may change it. `shapes` are those its plan was asked for."""

    place: Place
    release: Release
    shapes: list[tuple[int, ...]]


@pytest.fixture(scope="module")
def planned(exported: Place, verifier: TensorRT, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """Made once, beside the release for CPUs."""
    place = Place(tmp_path_factory.mktemp("planned") / "build")
    shutil.copytree(exported.build, place.build, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        shapes = stand_in_for_gpu(patch, verifier)
        patch.setenv("PRODUCT_TAGGER_IMAGE", "product-tagger:test")
        return Planned(place, export(place.settings(), "gpu").release, shapes)


@pytest.fixture
def place_with_plan(planned: Planned, with_gpu: list[tuple[int, ...]], tmp_path: Path) -> Place:
    """The same for one test, with a GPU."""
    shutil.copytree(planned.place.build, tmp_path / "build", symlinks=True)
    return Place(tmp_path / "build")


def test_a_machine_without_a_gpu_does_all_it_can_and_ends_in_one_sentence_about_what_is_missing(
    place_with_graph: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--set", f"build_dir={place_with_graph.build}", "--target", "gpu"]) == INCOMPLETE
    assert capsys.readouterr().out == (
        "No release was made, because this machine has no NVIDIA GPU and no TensorRT, and a plan is built where it "
        "is served: run `make export TARGET=gpu` on a machine with an NVIDIA GPU, Docker and the NVIDIA Container "
        "Toolkit.\n"
    )
    parity = json.loads((place_with_graph.build / "reports" / "parity.json").read_text())
    assert [graph["graph"] for graph in parity["graphs"]] == ["FP32 ONNX", "FP16 ONNX, direct"] and parity["passed"]
    assert 0 < parity["graphs"][1]["max_difference"] <= 5e-3
    verification = json.loads((place_with_graph.build / "engines" / "gpu" / "verification.json").read_text())
    assert [profile["length"] for profile in verification["profiles"]] == [16, MAX_LENGTH]
    assert not place_with_graph.releases.exists() and place_with_graph.leftovers() == []


def test_what_was_made_without_a_gpu_is_not_made_again(
    place_with_graph: Place, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        caplog.clear()
        caplog.set_level("INFO")
        with pytest.raises(Incomplete):
            export(place_with_graph.settings(), "gpu")
    assert "The ONNX graph in float32 is up to date" in caplog.text
    assert "The graph FP16 ONNX, direct is up to date" in caplog.text
    assert "The FP16 graph compiles" in caplog.text


def test_the_release_for_the_cpu_stays_current_and_as_it_was(place_with_release: Place) -> None:
    before = place_with_release.files()
    with pytest.raises(Incomplete):
        export(place_with_release.settings(), "gpu")
    assert place_with_release.files() == before and place_with_release.leftovers() == []


def test_without_the_wheel_that_verifies_the_rest_is_done_and_said(
    place_with_graph: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tensorrt, "find_verifier", lambda: None)
    with pytest.raises(Incomplete):
        export(place_with_graph.settings(), "gpu")
    assert "Whether the FP16 graph compiles was not tried" in caplog.text


def test_a_plan_becomes_a_release_that_serving_can_read(planned: Planned) -> None:
    release = current_release(planned.place.releases)
    assert release == planned.release and "-gpu-" in release.id and release.target == "gpu"
    assert (release.repository / "classifier" / "1" / "model.plan").stat().st_size > 1_000_000
    assert not list(release.repository.rglob("*.onnx")) and not (release.repository / "classifier" / "configs").exists()
    assert {path.name for path in release.repository.iterdir()} == {
        "classifier", "labeler", "product_scores", "product_tagger", "tokenizer",
    }  # fmt: skip
    steps = text_format.Parse((release.repository / "product_tagger" / "config.pbtxt").read_text(),
                              model_config_pb2.ModelConfig()).ensemble_scheduling.step  # fmt: skip
    assert [step.model_name for step in steps] == ["tokenizer", "classifier", "labeler"]
    tokenizer = json.loads((release.repository / "tokenizer" / "1" / "tokenizer_settings.json").read_text())
    assert tokenizer == {"max_length": MAX_LENGTH, "pad_token_id": 0, "length_buckets": [16, MAX_LENGTH]}
    assert {shape[1] for shape in planned.shapes} == {16, MAX_LENGTH}
    assert planned.place.leftovers() == []


def test_the_manifest_tells_what_the_plan_was_built_with_and_for(planned: Planned, verifier: TensorRT) -> None:
    engine = planned.release.manifest["engine"]
    assert (engine["name"], engine["variant"], engine["file"]) == ("TensorRT FP16", "direct", "model.plan")
    assert (engine["tensorrt"], engine["gpu"], engine["compute_capability"]) == (verifier.__version__, GPU.name, "9.9")
    assert (engine["driver"], engine["cuda"], engine["image"]) == ("999.1", "13.0", "product-tagger:test")
    assert engine["max_batch_size"] == 64 and engine["layers_by_type"]["MATRIX_MULTIPLY"]["HALF"] == 16
    assert engine["profiles"][0] == {
        "length": 16, "min_batch": 1, "opt_batch": 16, "max_batch": 64, "device_memory_bytes": 1_000_000,
    }  # fmt: skip


def test_the_configuration_agrees_with_the_graph_and_the_plan(planned: Planned) -> None:
    release, build = planned.release, planned.place.build
    text = (release.repository / "classifier" / "config.pbtxt").read_text()
    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    graph = onnx.load(str(build / "engines" / "gpu" / "direct" / "model.onnx")).graph
    types = {onnx.TensorProto.INT64: model_config_pb2.TYPE_INT64, onnx.TensorProto.FLOAT: model_config_pb2.TYPE_FP32}
    for own, other in ((config.input, graph.input), (config.output, graph.output)):
        assert {tensor.name: (tensor.data_type, list(tensor.dims)) for tensor in own} == {
            value.name: (
                types[value.type.tensor_type.elem_type],
                [dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim][
                    1:
                ],  # Triton's dims leave the batch out
            )
            for value in other
        }
    profiles = release.manifest["engine"]["profiles"]
    assert list(config.instance_group[0].profile) == [str(number) for number in range(len(profiles))]
    assert all(profile["max_batch"] >= config.max_batch_size for profile in profiles)
    assert max(profile["length"] for profile in profiles) >= release.manifest["max_length"]
    for spec in config.optimization.cuda.graph_spec:
        assert spec.input["input_ids"].dim[0] in {profile["length"] for profile in profiles}


def test_the_plan_itself_is_compared_with_the_checkpoint(planned: Planned) -> None:
    graphs = planned.release.manifest["parity"]["graphs"]
    assert [graph["graph"] for graph in graphs] == ["FP32 ONNX", "FP16 ONNX, direct", "TensorRT FP16"]
    assert all(graph["passed"] for graph in graphs)


def test_a_plan_that_answers_otherwise_is_not_released(
    place_with_release: Place, with_gpu: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = runtime.PlanRunner.__call__
    monkeypatch.setattr(
        runtime.PlanRunner, "__call__", lambda self, ids, mask: np.roll(honest(self, ids, mask), 1, axis=1)
    )
    before = place_with_release.files()
    with pytest.raises(ExportError, match=r"FAILED  TensorRT FP16: a probability differs by"):
        export(place_with_release.settings(), "gpu")
    assert place_with_release.files() == before


def test_a_second_export_finds_the_plan_and_another_gpu_makes_it_again(
    place_with_plan: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tensorrt, "find_gpu", lambda: dataclasses.replace(GPU, driver="999.2"))
    assert export(place_with_plan.settings(), "gpu").up_to_date  # a newer driver runs the same plan
    monkeypatch.setattr(tensorrt, "find_gpu", lambda: Gpu("NVIDIA Other", "8.0", "999.1", "13.0"))
    caplog.set_level("INFO")
    made = export(place_with_plan.settings(), "gpu")
    assert not made.up_to_date and made.release.manifest["engine"]["gpu"] == "NVIDIA Other"
    assert "The release is made, because TensorRT or the GPU (gpu, compute_capability) changed since" in caplog.text


def test_a_graph_that_tensorrt_can_t_take_leaves_the_current_release(
    place_with_release: Place, with_gpu: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(graph: Path, path: Path) -> None:
        path.write_bytes(graph.read_bytes()[:1000])

    before = place_with_release.files()
    monkeypatch.setattr(TensorRTPlan, "open_scorer", lambda *_: tensorrt_scorer(place_with_release))
    monkeypatch.setattr(float16, "convert_direct", broken)
    with pytest.raises(ExportError, match=r"can't read .*model\.onnx: it is damaged"):
        export(place_with_release.settings(), "gpu")
    assert (place_with_release.build / "engines" / "gpu" / "build.log").exists()  # whatever became of the plan
    assert place_with_release.files() == before and place_with_release.leftovers() == []


def tensorrt_scorer(place: Place) -> Scorer:
    """Answers as the float32 graph does, so that the gate lets a broken FP16 graph pass to the compiler."""
    return open_scorer(place.build / "onnx" / "model.onnx", 1)


def test_autocast_is_tried_where_the_direct_way_fails(
    place_with_graph: Place, with_gpu: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(graph: Path, path: Path) -> None:
        model = onnx.load(str(graph))
        weight = next(entry for entry in model.graph.initializer if entry.name == "classifier.weight")
        values = onnx.numpy_helper.to_array(weight)
        weight.CopyFrom(onnx.numpy_helper.from_array(-values, weight.name))
        onnx.save(model, str(path))

    monkeypatch.setattr(float16, "convert_direct", spoilt)
    engine = export(place_with_graph.settings(), "gpu").release.manifest["engine"]
    assert engine["variant"] == "autocast"


def test_autocast_by_itself_says_what_to_install(place_with_graph: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.engines.float16.autocast.PACKAGE", "not_installed_modelopt")
    with pytest.raises(ExportError, match=r"Model Optimizer is not installed.*\[autocast\]"):
        export(place_with_graph.settings(tensorrt={"precision": "autocast"}), "gpu")


def test_changed_buckets_make_another_plan(place_with_plan: Place) -> None:
    made = export(place_with_plan.settings(tensorrt={"length_buckets": [8, 24]}), "gpu")
    assert [profile["length"] for profile in made.release.manifest["engine"]["profiles"]] == [8, 24, MAX_LENGTH]


def test_both_targets_lie_beside_each_other(place_with_plan: Place) -> None:
    assert "-gpu-" in current_release(place_with_plan.releases).id
    found = export(place_with_plan.settings(), "cpu")
    assert found.up_to_date and "-cpu-" in current_release(place_with_plan.releases).id
