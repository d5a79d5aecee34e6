"""The configurations, read with Triton's own protobuf schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

REPOSITORY = Path(__file__).parents[2] / "model_repository"
MODELS = ("classifier", "labeler", "product_scores", "product_tagger", "tokenizer")


def read(model: str, engine: str | None = None) -> model_config_pb2.ModelConfig:
    """One model's configuration, or the one it has with an engine; a field the schema doesn't know is an error."""
    own, other = REPOSITORY / model / "config.pbtxt", REPOSITORY / model / "configs" / f"{engine}.pbtxt"
    return text_format.Parse((other if other.is_file() else own).read_text(), model_config_pb2.ModelConfig())


@pytest.mark.parametrize("model", MODELS)
def test_a_configuration_is_valid_and_names_its_folder(model: str) -> None:
    assert read(model).name == model


def test_all_models_take_batches_of_one_size() -> None:
    assert len({read(model).max_batch_size for model in MODELS}) == 1


@pytest.mark.parametrize("engine", [None, "tensorrt"])
@pytest.mark.parametrize("ensemble", ["product_tagger", "product_scores"])
def test_the_steps_of_an_ensemble_fit_its_tensors_and_those_of_its_models(ensemble: str, engine: str | None) -> None:
    config = read(ensemble, engine)
    for own, other in ((config.input, read(ensemble).input), (config.output, read(ensemble).output)):
        assert list(own) == list(other)  # clients see no difference
    types = {tensor.name: tensor.data_type for tensor in config.input}
    for step in config.ensemble_scheduling.step:
        model = read(step.model_name, engine)
        inputs = {tensor.name: tensor.data_type for tensor in model.input}
        outputs = {tensor.name: tensor.data_type for tensor in model.output}
        assert set(step.input_map) == set(inputs)
        for name, tensor in step.input_map.items():
            assert types[tensor] == inputs[name]
        for name, tensor in step.output_map.items():
            types[tensor] = outputs[name]
    for tensor in config.output:
        assert types[tensor.name] == tensor.data_type


@pytest.mark.parametrize("model", ["tokenizer", "classifier", "labeler"])
def test_every_queue_has_a_bound_and_a_time_out_that_a_client_may_shorten(model: str) -> None:
    queue = read(model).dynamic_batching.default_queue_policy
    assert queue.max_queue_size > 0 and queue.default_timeout_microseconds > 0 and queue.allow_timeout_override
    assert queue.timeout_action == model_config_pb2.ModelQueuePolicy.REJECT


def test_the_scores_are_named() -> None:
    labels = {tensor.name: tensor.label_filename for tensor in read("product_scores").output}
    assert labels["SCORES"] == "labels.txt"
