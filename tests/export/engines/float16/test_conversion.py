"""The FP16 graph: what is in which precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from export.engines.float16.autocast import convert_autocast
from export.engines.float16.emulation import write_emulation
from export.held_out import TokenBatch
from export.onnx_scorer import open_scorer
from tests.export.engines.conftest import Graphs


def types_of(path: Path) -> dict[str, int]:
    """Tensor → element type."""
    model = onnx.shape_inference.infer_shapes(onnx.load(str(path)), strict_mode=True)
    values = [*model.graph.value_info, *model.graph.input, *model.graph.output]
    return {value.name: value.type.tensor_type.elem_type for value in values}


@pytest.fixture(params=["direct", "autocast"])
def converted(request: pytest.FixtureRequest, graphs: Graphs, batch: TokenBatch, tmp_path: Path) -> Path:
    if request.param == "direct":
        return graphs.float16
    convert_autocast(graphs.float32, tmp_path / "autocast.onnx", [batch, batch])
    return tmp_path / "autocast.onnx"


def test_inputs_stay_int64_scores_stay_float32_and_matrix_products_become_float16(converted: Path) -> None:
    types = types_of(converted)
    assert types["input_ids"] == types["attention_mask"] == TensorProto.INT64
    assert types["SCORES"] == TensorProto.FLOAT
    products = [node for node in onnx.load(str(converted)).graph.node if node.op_type == "MatMul"]
    assert len(products) == 2 * 8  # two layers of six products with weights and two of attention itself
    assert {types[node.output[0]] for node in products} == {TensorProto.FLOAT16}


def test_normalization_softmax_with_its_mask_and_the_head_stay_in_float32(converted: Path) -> None:
    types = types_of(converted)
    nodes = list(onnx.load(str(converted)).graph.node)
    producers = {output: node for node in nodes for output in node.output}
    for operator in ("LayerNormalization", "Softmax", "Sigmoid", "Gemm", "ReduceSum"):
        found = [node for node in nodes if node.op_type == operator]
        assert found, operator
        assert {types[node.output[0]] for node in found} == {TensorProto.FLOAT}, operator
    for node in nodes:
        if node.op_type == "Softmax" and "attention" in node.name:
            scores = producers[node.input[0]]
            while scores.op_type == "Cast":
                scores = producers[scores.input[0]]
            assert scores.op_type == "Add" and types[scores.output[0]] == TensorProto.FLOAT


def test_the_graph_is_valid_onnx_in_the_order_of_its_dependencies(converted: Path) -> None:
    onnx.checker.check_model(onnx.load(str(converted)), full_check=True)


def test_the_encoder_is_half_as_large_and_the_graph_answers_nearly_the_same(
    converted: Path, graphs: Graphs, batch: TokenBatch
) -> None:
    (table,) = (one for one in onnx.load(str(graphs.float32)).graph.initializer if one.name == "ngrams.rows.weight")
    in_float32 = numpy_helper.to_array(table).nbytes
    assert converted.stat().st_size - in_float32 < 0.55 * (graphs.float32.stat().st_size - in_float32)
    write_emulation(converted, converted.with_suffix(".emulation"))
    right = open_scorer(graphs.float32, 1)(*batch)
    found = open_scorer(converted.with_suffix(".emulation"), 1)(*batch)
    assert 0 < np.abs(found - right).max() < 5e-3


def test_no_weight_of_the_encoder_is_left_in_float32_but_those_of_normalization(graphs: Graphs) -> None:
    model = onnx.load(str(graphs.float16))
    left = [tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT]
    left.remove("ngrams.rows.weight")  # added up behind the encoder
    assert all("LayerNorm" in name or name.startswith(("classifier.", "ngrams.")) for name in left)
    sizes = [numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer if tensor.name in left]
    assert sum(sizes) < 10_000
