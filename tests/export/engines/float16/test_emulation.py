"""The emulation rounds as FP16 does, where ONNX Runtime alone doesn't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from export.engines.float16.emulation import write_emulation
from export.held_out import TokenBatch
from export.onnx_scorer import open_scorer
from export.signature import INPUTS, output_names
from tests.export.engines.conftest import Graphs


def write_products(path: Path, *factors: float) -> None:
    """X · factor · factor · …, in FP16, from float32 to float32."""
    names = [f"y{number}" for number in range(len(factors) + 1)]
    nodes = [helper.make_node("Cast", ["x"], [names[0]], "narrow", to=TensorProto.FLOAT16)]
    nodes += [
        helper.make_node("Mul", [names[number], f"f{number}"], [names[number + 1]], f"product{number}")
        for number in range(len(factors))
    ]
    nodes.append(helper.make_node("Cast", [names[-1]], ["z"], "widen", to=TensorProto.FLOAT))
    weights = [numpy_helper.from_array(np.array(factor, np.float16), f"f{n}") for n, factor in enumerate(factors)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("x", "z")]
    graph = helper.make_graph(nodes, "products", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))


def run(path: Path, x: list[float]) -> npt.NDArray[np.float32]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answer: npt.NDArray[np.float32] = session.run(["z"], {"x": np.array(x, np.float32)})[0]
    return answer


def emulated(path: Path, x: list[float]) -> npt.NDArray[np.float32]:
    write_emulation(path, path.with_name("emulation.onnx"))
    return run(path.with_name("emulation.onnx"), x)


def test_every_result_is_rounded_to_float16(tmp_path: Path) -> None:
    write_products(tmp_path / "products.onnx", 1.001, 3.003, 0.333)
    x = np.linspace(0.1, 9, 50)
    half = x.astype(np.float32).astype(np.float16)
    for factor in (1.001, 3.003, 0.333):
        half = half * np.float16(factor)
    assert emulated(tmp_path / "products.onnx", x.tolist()).tolist() == half.astype(np.float32).tolist()


def test_what_overflows_on_the_way_is_infinite_though_the_end_would_fit(tmp_path: Path) -> None:
    write_products(tmp_path / "products.onnx", 1000.0, 1000.0, 0.0001)
    assert emulated(tmp_path / "products.onnx", [1.0]).tolist() == [np.inf]
    # Why the emulation exists: ONNX Runtime by itself computes this in float32, and hides it.
    assert np.isfinite(run(tmp_path / "products.onnx", [1.0])).all()


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")  # the mask, on purpose
def test_a_whole_model_is_rounded_as_onnx_s_own_reference_does(
    graphs: Graphs, batch: TokenBatch, tmp_path: Path
) -> None:
    write_emulation(graphs.float16, tmp_path / "emulation.onnx")
    exact = open_scorer(graphs.float32, 1)(*batch)
    found = open_scorer(tmp_path / "emulation.onnx", 1)(*batch)
    evaluator = ReferenceEvaluator(onnx.load(str(graphs.float16)))
    reference: Any = evaluator.run(output_names(), dict(zip(INPUTS, batch, strict=True)))[0]  # type: ignore[index]
    alone = open_scorer(graphs.float16, 1)(*batch)
    assert np.abs(found - reference).mean() < 0.2 * np.abs(exact - reference).mean()
    assert np.abs(found - reference).mean() < np.abs(alone - reference).mean()
