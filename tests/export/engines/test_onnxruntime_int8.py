"""The INT8 graph: near to float32, and every row by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.engines.int8_graph import build_int8
from export.engines.onnxruntime_int8 import OnnxRuntimeInt8
from export.engines.row_quantization import quantize_rows
from export.errors import ExportError
from export.held_out import Scorer
from export.served import served_module
from tests.export.conftest import Place, make_workload, random_batch

VOCABULARY = 30_000
WITHOUT_VNNI = "flags : fpu sse4_2 avx2"


@pytest.fixture(scope="module")
def scorer(exported: Place) -> Scorer:
    return OnnxRuntimeInt8().open_scorer(exported.build / "engines" / "cpu" / "fast" / "model.onnx", 1)


def test_a_product_s_answer_does_not_depend_on_its_neighbours_or_on_padding(scorer: Scorer) -> None:
    ids, mask = random_batch([12, 40, 3, 25, 12], VOCABULARY)
    together = scorer(ids, mask)
    for row in range(len(ids)):
        length = mask[row].sum()
        alone = scorer(ids[row : row + 1, :length], mask[row : row + 1, :length])
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)


def quantized_products(path: Path) -> list[str]:
    return [node.name for node in onnx.load(str(path)).graph.node if node.op_type == "MatMulIntegerToFloat"]


def test_all_products_of_weights_are_in_int8_and_the_variant_values_keeps_those_of_the_values(
    exported: Place, tmp_path: Path
) -> None:
    path = exported.build / "engines" / "cpu" / "fast" / "model.onnx"
    # Two layers: query, key, value, attention's output, and the two of the feed-forward part.
    assert len(quantized_products(path)) == 2 * 6
    build_int8(exported.build / "onnx" / "model.onnx", tmp_path / "model.onnx", "values")
    kept = quantized_products(tmp_path / "model.onnx")
    assert len(kept) == 2 * 5 and not any("/self/value/" in name for name in kept)
    facts = OnnxRuntimeInt8().compile(path, path.parent, make_workload(), force=False).facts
    assert facts["int8_products"] == 12 and facts["operators"]["MultiHeadAttention"] == 2
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_the_exact_kernels_answer_what_the_quick_ones_do(exported: Place, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(WITHOUT_VNNI)
    path = exported.build / "engines" / "cpu" / "fast" / "model.onnx"
    session = served_module("session")
    ids, mask = random_batch([20, 6], VOCABULARY)
    feed = {"input_ids": ids, "attention_mask": mask}
    exact, own = (
        session.open_session(path, 1, processors).run(["SCORES"], feed)[0]
        for processors in (tmp_path / "cpuinfo", session.PROCESSORS)
    )
    np.testing.assert_allclose(exact, own, atol=1e-5)


def takes_exact_kernels(processors: Path) -> bool:
    session = served_module("session")
    try:
        return bool(session.session_options(1, processors).get_session_config_entry(session.EXACT_KERNELS) == "1")
    except RuntimeError:  # the option is not set
        return False


def test_a_processor_whose_sums_overflow_takes_the_exact_kernels(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(WITHOUT_VNNI)
    assert takes_exact_kernels(tmp_path / "cpuinfo")


@pytest.mark.parametrize("feature", ["avx512_vnni", "avx_vnni", "amx_int8"])
def test_a_processor_with_wide_sums_takes_the_quick_kernels(tmp_path: Path, feature: str) -> None:
    (tmp_path / "cpuinfo").write_text(f"{WITHOUT_VNNI} {feature}")
    assert not takes_exact_kernels(tmp_path / "cpuinfo")


def test_a_processor_that_can_t_be_asked_takes_the_exact_kernels(tmp_path: Path) -> None:
    session = served_module("session")
    session.platform.machine, machine = (lambda: "x86_64"), session.platform.machine
    try:
        assert session.overflows(tmp_path / "missing")
    finally:
        session.platform.machine = machine


def write_product(path: Path, weight: npt.NDArray[np.float32]) -> None:
    """A graph of one product, x [batch, length, in] · weight."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "length", weight.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", "length", weight.shape[1]])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))


@pytest.fixture(params=["this processor", "a processor without VNNI"])
def processors(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What tells the processor's features. Without VNNI the exact kernels are taken, which every processor has."""
    if request.param == "this processor":
        return Path("/proc/cpuinfo")
    (tmp_path / "cpuinfo").write_text(WITHOUT_VNNI)
    return tmp_path / "cpuinfo"


def run(path: Path, x: npt.NDArray[np.float32], processors: Path) -> npt.NDArray[np.float32]:
    session = served_module("session").open_session(path, 1, processors)
    answer: npt.NDArray[np.float32] = session.run(["y"], {"x": x})[0]
    return answer


def test_every_vector_has_a_range_of_its_own_and_zeros_stay_zeros(tmp_path: Path, processors: Path) -> None:
    random = np.random.default_rng(0)
    weight = random.normal(size=(64, 16)).astype(np.float32)
    weight[:, 3] = 0  # a column without weights has no range either
    x = random.normal(size=(2, 3, 64)).astype(np.float32)
    x[0, 1] *= 10_000  # would make a common range useless for all others
    x[1, 2] = 0
    write_product(tmp_path / "float.onnx", weight)
    assert quantize_rows(tmp_path / "float.onnx", tmp_path / "int8.onnx") == 1
    found, right = run(tmp_path / "int8.onnx", x, processors), x @ weight
    assert (found[1, 2] == 0).all() and (found[..., 3] == 0).all()
    scale = np.abs(x).max(axis=-1, keepdims=True)
    assert (np.abs(found - right) <= 0.15 * scale).all()


def test_behind_a_gelu_the_largest_value_tells_a_vector_s_range(tmp_path: Path, processors: Path) -> None:
    random = np.random.default_rng(2)
    weight = random.normal(size=(64, 16)).astype(np.float32)
    write_product(tmp_path / "float.onnx", weight)
    model = onnx.load(str(tmp_path / "float.onnx"))
    model.graph.node.insert(0, helper.make_node("Gelu", ["x"], ["gelu"]))
    model.graph.node[1].input[0] = "gelu"
    model.opset_import[0].version = 20  # the first with the operator
    onnx.save(model, str(tmp_path / "gelu.onnx"))
    assert quantize_rows(tmp_path / "gelu.onnx", tmp_path / "int8.onnx") == 1
    assert "Abs" not in [node.op_type for node in onnx.load(str(tmp_path / "int8.onnx")).graph.node]
    x = random.normal(size=(2, 3, 64)).astype(np.float32)
    x[0, 0] *= 100
    x[0, 1] = -np.abs(x[0, 1])  # nothing above 0 comes out of it
    x[1, 2] = 0
    found, right = run(tmp_path / "int8.onnx", x, processors), run(tmp_path / "gelu.onnx", x, processors)
    gelu = np.maximum(np.abs(x).max(axis=-1, keepdims=True), 0.17)
    assert (found[1, 2] == 0).all() and (np.abs(found - right) <= 0.15 * gelu).all()


def test_a_product_that_is_kept_is_as_it_was(tmp_path: Path, processors: Path) -> None:
    weight = np.eye(4, dtype=np.float32)
    write_product(tmp_path / "float.onnx", weight)
    assert quantize_rows(tmp_path / "float.onnx", tmp_path / "kept.onnx", keep=lambda name: name == "product") == 0
    x = np.random.default_rng(1).normal(size=(1, 2, 4)).astype(np.float32)
    np.testing.assert_array_equal(run(tmp_path / "kept.onnx", x, processors), x)


def test_a_graph_without_products_is_refused(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "none", [value], [other])
    onnx.save(helper.make_model(graph), str(tmp_path / "none.onnx"))
    with pytest.raises(ExportError, match="no matrix product"):
        build_int8(tmp_path / "none.onnx", tmp_path / "int8.onnx", "fast")
