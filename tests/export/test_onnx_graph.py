"""The float32 graph against the PyTorch model, in a real ONNX Runtime session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.checkpoint import read_checkpoint
from export.errors import ExportError
from export.gate import checkpoint_scorer
from export.held_out import Scorer
from export.onnx_scorer import open_scorer
from export.signature import INPUTS, OPSET, check_graph
from tests.export.conftest import POSITIONS, TAXONOMY, Place, random_batch

VOCABULARY = 30_000


@pytest.fixture(scope="module")
def graph(exported: Place) -> Path:
    return exported.build / "onnx" / "model.onnx"


@pytest.fixture(scope="module")
def scorer(graph: Path) -> Scorer:
    return open_scorer(graph, 1)


@pytest.fixture(scope="module")
def reference(exported: Place) -> Scorer:
    return checkpoint_scorer(read_checkpoint(exported.checkpoint))


@pytest.mark.parametrize("rows", [[1], [2, 1], [POSITIONS], [POSITIONS, 3, 17], [5] * 7, [31]])
def test_the_graph_answers_the_model_s_probabilities_for_any_batch_and_length(
    scorer: Scorer, reference: Scorer, rows: list[int]
) -> None:
    ids, mask = random_batch(rows, VOCABULARY)
    np.testing.assert_allclose(scorer(ids, mask), reference(ids, mask), atol=1e-5)


def test_categories_sum_to_one_and_every_tag_has_a_probability_of_its_own(scorer: Scorer) -> None:
    scores = scorer(*random_batch([9, 4, 30], VOCABULARY))
    count = len(TAXONOMY.category_ids)
    assert scores.shape == (3, count + len(TAXONOMY.tag_ids)) and scores.dtype == np.float32
    np.testing.assert_allclose(scores[:, :count].sum(axis=1), 1, atol=1e-6)
    assert ((scores > 0) & (scores < 1)).all()


def test_neither_padding_nor_its_token_changes_an_answer(scorer: Scorer) -> None:
    ids, mask = random_batch([12], VOCABULARY)
    padded = np.full((1, POSITIONS), 7, dtype=np.int64)
    padded[0, :12] = ids[0]
    longer = np.zeros((1, POSITIONS), dtype=np.int64)
    longer[0, :12] = 1
    np.testing.assert_allclose(scorer(padded, longer), scorer(ids, mask), atol=1e-5)


def test_the_graph_has_the_names_and_types_of_the_configurations(graph: Path) -> None:
    model = onnx.load(str(graph))
    onnx.checker.check_model(model)
    assert [entry.name for entry in model.graph.input] == list(INPUTS)
    assert [entry.name for entry in model.graph.output] == ["SCORES"]
    check_graph(graph, {"SCORES": TAXONOMY.layout.width})


def test_a_graph_of_another_width_or_an_older_opset_is_refused(graph: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="takes and gives"):
        check_graph(graph, {"SCORES": 4})
    model = onnx.load(str(graph))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", OPSET - 2))
    onnx.save(model, str(tmp_path / "old.onnx"))
    with pytest.raises(ExportError, match="has opset 16"):
        check_graph(tmp_path / "old.onnx", {"SCORES": 6})


def test_a_graph_that_takes_other_types_is_refused(graph: Path, tmp_path: Path) -> None:
    model = onnx.load(str(graph))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT32
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(ExportError, match="takes and gives"):
        check_graph(tmp_path / "other.onnx", {"SCORES": 6})
