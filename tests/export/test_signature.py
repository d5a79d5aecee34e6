"""The outputs of the graph: another one is one more entry, from which the graph, its check and its answers follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from export import signature
from export.engines.float16.conversion import kept_nodes
from export.onnx_graph import export_graph
from export.onnx_scorer import open_scorer
from export.signature import OUTPUTS, Output, check_graph, output_widths, side_by_side
from tests.export.conftest import POSITIONS, TAXONOMY, random_batch
from training.modeling_product_tagging import BertForProductTagging, ProductTaggingConfig

VECTOR = Output(
    name="VECTOR",
    source="vector",
    convert=lambda vector, config: vector.tanh(),
    width=lambda config: int(config["hidden_size"]),
)


class VectorModel(BertForProductTagging):
    """Answers the first token's vector beside the logits."""

    __module__ = "transformers_modules.checkpoint"  # by which optimum tells the library

    def forward(self, input_ids: Any = None, attention_mask: Any = None, *args: Any, **kwargs: Any) -> Any:
        """See `BertForProductTagging`."""
        answer = super().forward(input_ids, attention_mask, *args, **kwargs)
        answer["vector"] = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]
        return answer


@pytest.fixture
def model() -> VectorModel:
    torch.manual_seed(0)
    names = TAXONOMY.layout.names
    config = ProductTaggingConfig(
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        vocab_size=50,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=POSITIONS,
    )
    return VectorModel(config)


def test_another_output_is_one_more_entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: VectorModel) -> None:
    monkeypatch.setattr(signature, "OUTPUTS", (*OUTPUTS, VECTOR))
    export_graph(model, tmp_path / "model.onnx")

    width = TAXONOMY.layout.width
    assert output_widths(model.config.to_dict()) == {"SCORES": width, "VECTOR": 8}
    check_graph(tmp_path / "model.onnx", {"SCORES": width, "VECTOR": 8})
    ids, mask = random_batch([5, 9, 2], 50)
    answers = open_scorer(tmp_path / "model.onnx", 1)(ids, mask)
    with torch.inference_mode():
        wanted = model(torch.from_numpy(ids), torch.from_numpy(mask))
    scores = TAXONOMY.layout.probabilities(wanted.logits).numpy()
    np.testing.assert_allclose(answers[:, :width], scores, atol=1e-5)
    np.testing.assert_allclose(answers[:, width:], VECTOR.convert(wanted["vector"], {}).numpy(), atol=1e-5)

    graph = onnx.load(str(tmp_path / "model.onnx")).graph
    made = {output: node.name for node in graph.node for output in node.output}
    assert {made["SCORES"], made["VECTOR"]} <= kept_nodes(graph)


def test_the_widths_follow_from_the_names_of_a_checkpoint_s_outputs() -> None:
    named = {"id2label": {"10": "tag/k", **{str(number): f"category/{number}" for number in range(10)}}}
    assert output_widths(named) == {"SCORES": 11}


def test_one_output_alone_is_not_copied() -> None:
    scores = np.zeros((2, 3), dtype=np.float32)
    assert side_by_side({"SCORES": scores}) is scores
