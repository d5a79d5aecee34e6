"""Layers that leave FP16's range are found by name."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from export.engines.float16.graph import build_fp16
from export.engines.float16.ranges import LARGEST, activation_peaks, weight_peaks
from export.held_out import TokenBatch
from tests.export.engines.conftest import Graphs

LAYER = "bert.encoder.layer.1.attention.output.dense.bias"
NODE = "/bert/encoder/layer.1/attention/output/dense/Add"


def spoil(graph: Path, path: Path, value: float) -> None:
    """Give one layer a bias that its sums leave FP16 with."""
    model = onnx.load(str(graph))
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == LAYER)
    values = numpy_helper.to_array(bias).copy()
    values[0] = value
    bias.CopyFrom(numpy_helper.from_array(values, LAYER))
    onnx.save(model, str(path))


def test_a_trained_graph_stays_far_below_the_end_of_float16(graphs: Graphs, batch: TokenBatch) -> None:
    peaks = activation_peaks(graphs.float32, [batch])
    assert peaks and all(peak.fits for peak in peaks) and peaks[0].value < 1000
    assert peaks == sorted(peaks, key=lambda peak: -peak.value)
    assert all(peak.fits for peak in weight_peaks(graphs.float32))


def test_the_mask_of_attention_is_no_activation_out_of_range(graphs: Graphs, batch: TokenBatch) -> None:
    assert (batch[1] == 0).any()  # so the float32 graph does add -3e38 somewhere
    assert max(peak.value for peak in activation_peaks(graphs.float32, [batch])) < LARGEST


def test_the_layer_that_leaves_the_range_is_named(graphs: Graphs, batch: TokenBatch, tmp_path: Path) -> None:
    spoil(graphs.float32, tmp_path / "spoilt.onnx", 70_000)
    peaks = activation_peaks(tmp_path / "spoilt.onnx", [batch])
    assert not peaks[0].fits and NODE in {peak.layer for peak in peaks if not peak.fits}
    weights = weight_peaks(tmp_path / "spoilt.onnx")
    assert (weights[0].layer, weights[0].value) == (LAYER, 70_000)


def test_the_export_says_which_layers_leave_the_range(
    graphs: Graphs, batch: TokenBatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(graphs.float32, tmp_path / "spoilt.onnx", 70_000)
    build_fp16(tmp_path / "spoilt.onnx", tmp_path / "half.onnx", "direct", [batch])
    assert f"{LAYER} reaches 7e+04; FP16 ends at 65,504." in caplog.text
