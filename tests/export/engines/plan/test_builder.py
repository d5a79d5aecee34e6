"""The builder, with a TensorRT that needs no GPU: TensorRT for RTX parses and compiles the trained graph for real."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from export.engines.plan.api import TensorRT
from export.engines.plan.builder import BuildOptions, build_plan
from export.engines.plan.profiles import Profile, Range
from export.errors import ExportError
from tests.export.conftest import POSITIONS, TAXONOMY
from tests.export.engines.conftest import Graphs

WIDTH = len(TAXONOMY.category_ids) + len(TAXONOMY.tag_ids)
LENGTHS = (16, 32, 40, POSITIONS)
PROFILES = [Profile(Range(1, 4, 8), Range(length, length, length)) for length in LENGTHS]


def options(folder: Path, timing_cache: Path | None = None) -> BuildOptions:
    return BuildOptions(2, POSITIONS, folder / "build.log", timing_cache)


def test_the_trained_graph_compiles_with_all_profiles_and_keeps_names_types_and_shapes(
    verifier: TensorRT, graphs: Graphs, plan_folder: Path
) -> None:
    facts = build_plan(verifier, graphs.float16, PROFILES, options(plan_folder), plan_folder / "model.plan")
    assert facts["tensors"] == {
        "input_ids": {"dtype": "INT64", "shape": [-1, -1]},
        "attention_mask": {"dtype": "INT64", "shape": [-1, -1]},
        "SCORES": {"dtype": "FLOAT", "shape": [-1, WIDTH]},
    }
    assert facts["profiles"] == [
        {"length": length, "min_batch": 1, "opt_batch": 4, "max_batch": 8} for length in LENGTHS
    ]
    assert facts["max_batch_size"] == 8 and facts["tensorrt"] == verifier.__version__
    assert (plan_folder / "model.plan").stat().st_size > 1_000_000


def test_layers_are_in_the_precision_of_the_graph(verifier: TensorRT, graphs: Graphs, plan_folder: Path) -> None:
    layers = build_plan(verifier, graphs.float16, PROFILES[:1], options(plan_folder), plan_folder / "model.plan")[
        "layers_by_type"
    ]
    assert set(layers["NORMALIZATION"]) == set(layers["SOFTMAX"]) == {"FLOAT"}
    assert layers["MATRIX_MULTIPLY"] == {"HALF": 16, "FLOAT": 1}  # the one in float32 is the classifier's


def test_what_tensorrt_said_is_kept(verifier: TensorRT, graphs: Graphs, plan_folder: Path) -> None:
    build_plan(verifier, graphs.float16, PROFILES[:1], options(plan_folder), plan_folder / "model.plan")
    assert "Opset version:    18" in (plan_folder / "build.log").read_text()


@pytest.mark.filterwarnings(
    "ignore:Use Deprecated in TensorRT-RTX:DeprecationWarning"
)  # the cache's methods do nothing
def test_times_of_kernels_are_kept_for_the_next_build(
    verifier: TensorRT, graphs: Graphs, plan_folder: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "timing.cache"
    cache.write_bytes(b"of another version, or damaged")
    for _ in range(2):
        build_plan(verifier, graphs.float16, PROFILES[:1], options(plan_folder, cache), plan_folder / "model.plan")
    assert b"damaged" not in cache.read_bytes()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        (Profile(Range(1, 9, 8), Range(16, 16, 16)), "batches from 1 over 9 to 8"),
        (Profile(Range(1, 4, 8), Range(64, 64, 64)), "is for 64 tokens, and the model has 48 positions"),
    ],
)
def test_a_wrong_profile_is_refused_before_anything_is_built(
    verifier: TensorRT, graphs: Graphs, plan_folder: Path, profile: Profile, sentence: str
) -> None:
    with pytest.raises(ExportError, match=sentence):
        build_plan(verifier, graphs.float16, [*PROFILES, profile], options(plan_folder), plan_folder / "model.plan")
    assert not (plan_folder / "model.plan").exists()


def test_a_graph_with_other_inputs_is_refused(verifier: TensorRT, graphs: Graphs, plan_folder: Path) -> None:
    model = onnx.load(str(graphs.float16))
    for node in model.graph.node:
        node.input[:] = ["tokens" if name == "input_ids" else name for name in node.input]
    next(value for value in model.graph.input if value.name == "input_ids").name = "tokens"
    onnx.save(model, str(plan_folder / "other.onnx"))
    with pytest.raises(ExportError, match="the graph has attention_mask and tokens"):
        build_plan(verifier, plan_folder / "other.onnx", PROFILES, options(plan_folder), plan_folder / "model.plan")


def test_an_operator_that_tensorrt_lacks_is_named_with_its_node(
    verifier: TensorRT, graphs: Graphs, plan_folder: Path
) -> None:
    model = onnx.load(str(graphs.float16))
    node = next(node for node in model.graph.node if node.op_type == "Erf")
    node.op_type = "Frobnicate"
    onnx.save(model, str(plan_folder / "unknown.onnx"))
    with pytest.raises(ExportError, match=rf"can't take .*: node \d+ \(Frobnicate '{node.name}'\)"):
        build_plan(verifier, plan_folder / "unknown.onnx", PROFILES, options(plan_folder), plan_folder / "model.plan")


@pytest.mark.parametrize("size", [0, 1000, 0.5])
def test_a_truncated_graph_is_told_from_one_that_can_t_be_computed(
    verifier: TensorRT, graphs: Graphs, plan_folder: Path, size: float
) -> None:
    content = graphs.float16.read_bytes()
    (plan_folder / "part.onnx").write_bytes(content[: int(size * len(content)) if size < 1 else int(size)])
    with pytest.raises(ExportError, match=r"can't read .*part\.onnx: it is damaged, or no ONNX file"):
        build_plan(verifier, plan_folder / "part.onnx", PROFILES, options(plan_folder), plan_folder / "model.plan")
    assert (plan_folder / "build.log").exists()


def test_a_graph_without_scores_is_refused(verifier: TensorRT, plan_folder: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch"])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "other", [value], [other])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(plan_folder / "other.onnx"))
    with pytest.raises(ExportError, match="gives y, not SCORES"):
        build_plan(verifier, plan_folder / "other.onnx", PROFILES, options(plan_folder), plan_folder / "model.plan")
