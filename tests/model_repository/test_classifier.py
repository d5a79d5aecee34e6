"""The served classifier without a server: its own files, and a stand-in for Triton's module."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.small_release import CATEGORIES, TAGS, build_release

PROGRAM = """
import json, sys, types
import numpy as np

class Tensor:
    def __init__(self, name, value): self.name, self.value = name, value
    def as_numpy(self): return self.value

class Request:
    def __init__(self, texts, names): self.texts, self.names = texts, names
    def requested_output_names(self): return self.names

utils = types.ModuleType("triton_python_backend_utils")
utils.Tensor, utils.InferenceResponse = Tensor, lambda tensors: tensors
utils.get_input_tensor_by_name = lambda request, name: Tensor(name, np.array([request.texts], dtype=object).T)
sys.modules[utils.__name__] = utils
sys.path.insert(0, sys.argv[1])
from model import TritonPythonModel

model = TritonPythonModel()
parameters = {key: {"string_value": value} for key, value in json.loads(sys.argv[2]).items()}
model.initialize({"model_config": json.dumps({"parameters": parameters})})
requests = [Request([text.encode() for text in texts], names) for texts, names in json.loads(sys.argv[3])]
print(json.dumps([{one.name: one.value.tolist() for one in answer} for answer in model.execute(requests)], default=str))
"""


def ask(folder: Path, *requests: tuple[list[str], list[str]]) -> list[dict[str, list[list[float]]]]:
    """Let the classifier of a folder answer requests, each texts and the outputs it asks for."""
    parameters = json.dumps({"threads": "1", "abstain_below": "0", "token_budget": "512"})
    command = [sys.executable, "-c", PROGRAM, str(folder), parameters, json.dumps(requests)]
    answers: list[dict[str, list[list[float]]]] = json.loads(subprocess.check_output(command, text=True, timeout=120))
    return answers


def test_a_further_output_of_the_graph_is_answered_to_those_who_ask_for_it(tmp_path: Path) -> None:
    folder = build_release(tmp_path, "20260101T000000Z-cpu-00000000") / "model_repository" / "classifier" / "1"
    model = onnx.load(str(folder / "model.onnx"))
    model.graph.node.append(helper.make_node("Identity", ["tag_shifted"], ["VECTOR"]))
    model.graph.output.append(helper.make_tensor_value_info("VECTOR", TensorProto.FLOAT, ["batch", len(TAGS)]))
    onnx.save(model, str(folder / "model.onnx"))

    long = "summer dress and a gift of chocolate"
    both, scores, alone = ask(
        folder, (["phone", long], ["SCORES", "VECTOR"]), (["dress"], ["SCORES"]), (["dress"], ["VECTOR", "TRUNCATED"])
    )

    assert (set(both), set(scores), set(alone)) == ({"SCORES", "VECTOR"}, {"SCORES"}, {"VECTOR", "TRUNCATED"})
    tags = np.array(both["SCORES"])[:, len(CATEGORIES) :]
    np.testing.assert_allclose(1 / (1 + np.exp(-np.array(both["VECTOR"]))), tags, atol=1e-6)
    assert [TAGS[number] for number in np.array(both["VECTOR"]).argmax(axis=1)] == ["phone", "dress"]
    assert ask(folder, (["dress"], ["VECTOR"]))[0]["VECTOR"] == alone["VECTOR"]
