"""The classifier's configuration of a release for GPUs, read with Triton's own protobuf schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from export.engines.plan import classifier_config
from export.engines.plan.classifier_config import write_classifier_config
from export.errors import ExportError

BUCKETS = [16, 32, 64, 96]


def written(folder: Path, max_batch_size: int = 64) -> model_config_pb2.ModelConfig:
    write_classifier_config(folder, BUCKETS, max_batch_size)
    return text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def test_it_is_served_by_the_tensorrt_backend_with_the_tensors_of_the_ensembles(tmp_path: Path) -> None:
    config = written(tmp_path)
    assert (config.name, config.backend, config.default_model_filename) == ("classifier", "tensorrt", "model.plan")
    for tensor in config.input:
        assert tensor.data_type == model_config_pb2.TYPE_INT64 and list(tensor.dims) == [-1]
        assert not tensor.allow_ragged_batch
    assert [tensor.name for tensor in config.input] == ["input_ids", "attention_mask"]
    assert (config.output[0].name, config.output[0].data_type) == ("SCORES", model_config_pb2.TYPE_FP32)


def test_two_instances_a_gpu_have_all_profiles(tmp_path: Path) -> None:
    (group,) = written(tmp_path).instance_group
    assert group.kind == model_config_pb2.ModelInstanceGroup.KIND_GPU and group.count == 2
    assert list(group.profile) == ["0", "1", "2", "3"] and not group.gpus  # no list: every GPU there is


def test_small_batches_of_short_texts_have_cuda_graphs_for_exactly_their_shape(tmp_path: Path) -> None:
    cuda = written(tmp_path).optimization.cuda
    assert cuda.graphs
    shapes = {(spec.batch_size, *(spec.input[name].dim[0] for name in sorted(spec.input))) for spec in cuda.graph_spec}
    assert (1, 16, 16) in shapes and (8, 32, 32) in shapes and (1, 96, 96) in shapes
    assert (8, 96, 96) not in shapes
    assert len(shapes) == len(cuda.graph_spec)
    assert not any(spec.HasField("graph_lower_bound") for spec in cuda.graph_spec)


@pytest.mark.parametrize(
    ("most", "sizes"), [(64, [8, 16, 32, 64]), (128, [8, 16, 32, 64, 128]), (20, [8, 16, 20]), (1, [1])]
)
def test_no_batch_is_preferred_or_captured_that_can_t_be(tmp_path: Path, most: int, sizes: list[int]) -> None:
    config = written(tmp_path, most)
    assert config.max_batch_size == most
    assert list(config.dynamic_batching.preferred_batch_size) == sizes
    assert max(spec.batch_size for spec in config.optimization.cuda.graph_spec) <= most


def test_memory_is_page_locked_both_ways(tmp_path: Path) -> None:
    optimization = written(tmp_path).optimization
    assert optimization.input_pinned_memory.enable and optimization.output_pinned_memory.enable


def test_the_reasons_are_in_the_release_s_configuration_too(tmp_path: Path) -> None:
    written(tmp_path)
    text = (tmp_path / "config.pbtxt").read_text()
    assert text.startswith("# The classifier on a GPU") and "graph_lower_bound" in text


def test_a_source_without_a_place_for_the_profiles_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_text(classifier_config.SOURCE.read_text().replace("profile: [ ]", ""))
    monkeypatch.setattr(classifier_config, "SOURCE", tmp_path / "source")
    with pytest.raises(ExportError, match="which the export fills in"):
        write_classifier_config(tmp_path, BUCKETS, 64)
