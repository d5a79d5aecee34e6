"""Fused attention answers what attention does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.engines.attention_fusion import fuse_attention
from export.onnx_scorer import open_scorer
from tests.export.conftest import Place, random_batch
from tests.export.engines.test_onnxruntime_int8 import VOCABULARY, write_product


def test_the_attention_of_every_layer_is_fused_and_answers_the_same(exported: Place, tmp_path: Path) -> None:
    graph, fused = exported.build / "onnx" / "model.onnx", tmp_path / "fused.onnx"
    assert fuse_attention(graph, fused) == 2
    ids, mask = random_batch([12, 40, 3, 25], VOCABULARY)
    mask[1, 5:9] = 0  # a mask means what it says wherever its zeros are
    np.testing.assert_allclose(open_scorer(fused, 1)(ids, mask), open_scorer(graph, 1)(ids, mask), atol=1e-5)


def test_a_graph_without_attention_stays_as_it_is_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_product(tmp_path / "float.onnx", np.eye(4, dtype=np.float32))
    assert fuse_attention(tmp_path / "float.onnx", tmp_path / "fused.onnx") == 0
    assert (tmp_path / "fused.onnx").is_file()
    assert not "".join(capfd.readouterr())
