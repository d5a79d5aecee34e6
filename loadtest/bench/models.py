"""The model without a server: the very files of Triton's Python models, called in this process.

What they import of Triton is replaced by the few names below, so it doesn't matter here which engine they open or how.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
from google.protobuf import json_format

from loadtest.errors import LoadtestError
from serving.repository import CONFIG, read_config

UTILITIES = "triton_python_backend_utils"


class Tensor:
    """A named array, as requests and responses carry them."""

    def __init__(self, name: str, values: Any) -> None:
        self._name, self._values = name, values

    def name(self) -> str:
        """What it is called in the model's configuration."""
        return self._name

    def as_numpy(self) -> Any:
        """Its values."""
        return self._values


class TritonError:
    """What a request is refused with."""

    INVALID_ARG = "INVALID_ARG"

    def __init__(self, message: str, code: str = "") -> None:
        self._message = message

    def message(self) -> str:
        """Why."""
        return self._message


def _response(output_tensors: Sequence[Tensor] = (), error: TritonError | None = None) -> SimpleNamespace:
    return SimpleNamespace(output_tensors=output_tensors, error=error)


class Scorer:
    """Texts to probabilities: the served classifier, or its tokenizer and an ONNX graph.

    Args:
        repository: The model repository that the server would be started on.
        graph: A graph that takes the classifier's place, in ONNX Runtime on one thread; a batch is one run, padded to
            its longest. None for the classifier itself, with its own cleaning, tokenizer, batching and engine.

    Raises:
        LoadtestError: Triton's Python backend doesn't run the classifier.
    """

    def __init__(self, repository: Path, graph: Path | None = None) -> None:
        folder = repository / "classifier"
        self._tokenization = load_module(folder / "1" / "tokenization.py")
        self._tokenizer = self._tokenization.TextTokenizer(folder / "1")
        self.score: Callable[[Sequence[str]], Any] = self._of_graph(graph) if graph else _of_model(folder)

    def by_length(self, texts: Sequence[str]) -> list[str]:
        """The texts, those with the fewest tokens first."""
        return [texts[place] for place in np.argsort(self._tokens(texts).lengths, kind="stable")]

    def _tokens(self, texts: Sequence[str]) -> Any:
        return self._tokenizer.encode(self._tokenization.read_texts(_as_tensor(texts)))

    def _of_graph(self, path: Path) -> Callable[[Sequence[str]], Any]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

        def score(texts: Sequence[str]) -> Any:
            tokens = self._tokens(texts)
            ids, mask = tokens.batch(slice(None), tokens.ids.shape[1])
            return session.run(["SCORES"], {"input_ids": ids, "attention_mask": mask})[0]

        return score


def _as_tensor(texts: Sequence[str]) -> Any:
    """TEXT as the server gets it, bytes [B, 1]."""
    return np.array([[text.encode()] for text in texts], dtype=object)


def _of_model(folder: Path) -> Callable[[Sequence[str]], Any]:
    config = read_config(folder / CONFIG)
    if config.backend != "python":
        raise LoadtestError(
            f"The model {folder.name} of this release isn't run by Triton's Python backend, so there is no code of it "
            "to be run without a server. Make a release for the CPU: `make export TARGET=cpu`."
        )
    model = load_module(folder / "1" / "model.py").TritonPythonModel()
    names = {"name": config.name, "version": "1", "repository": str(folder), "instance_name": f"{config.name}_0"}
    names |= {"config": json_format.MessageToJson(config, preserving_proto_field_name=True)}
    names |= {"instance_kind": "CPU", "instance_device_id": "0"}
    model.initialize({f"model_{name}": value for name, value in names.items()})

    def score(texts: Sequence[str]) -> Any:
        tensors = {"TEXT": Tensor("TEXT", _as_tensor(texts))}
        request = SimpleNamespace(tensors=tensors, requested_output_names=lambda: ["SCORES"])
        (response,) = model.execute([request])
        if response.error is not None:
            raise LoadtestError(f"The model refused a text: {response.error.message()}")
        return next(tensor.as_numpy() for tensor in response.output_tensors if tensor.name() == "SCORES")

    return score


def load_module(path: Path) -> Any:
    """Imports a file of a model as Triton does: its neighbours are found by their bare names."""
    utilities: Any = ModuleType(UTILITIES)
    utilities.Tensor, utilities.TritonError, utilities.InferenceResponse = Tensor, TritonError, _response
    utilities.get_input_tensor_by_name = lambda request, name: request.tensors.get(name)
    sys.modules.setdefault(UTILITIES, utilities)
    spec = importlib.util.spec_from_file_location(f"_{path.parent.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the module that they are in
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
