"""Triton's Python models without Triton: the very files that the server runs, called in this process.

What they import of Triton is replaced by the few names below, so it doesn't matter here which engine they open or how.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import json_format

from loadtest.bench.errors import BenchError
from serving.repository import CONFIG, read_config

UTILITIES = "triton_python_backend_utils"


class Tensor:
    """A named array, as requests and responses carry them."""

    def __init__(self, name: str, values: Any) -> None:
        self._name = name
        self._values = values

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


class InferenceResponse:
    """Tensors, or an error."""

    def __init__(self, output_tensors: Sequence[Tensor] = (), error: TritonError | None = None) -> None:
        self.output_tensors = output_tensors
        self.error = error


class InferenceRequest:
    """The tensors of a request."""

    def __init__(self, tensors: Mapping[str, Any], wanted: Sequence[str]) -> None:
        self._wanted = list(wanted)
        self.tensors = {name: Tensor(name, values) for name, values in tensors.items()}

    def requested_output_names(self) -> list[str]:
        """The tensors that the answer is to have."""
        return self._wanted


def get_input_tensor_by_name(request: InferenceRequest, name: str) -> Tensor | None:
    """One tensor of a request."""
    return request.tensors.get(name)


class PythonModel:
    """A model of a repository, loaded and ready.

    Args:
        folder: The model's folder: config.pbtxt, and 1/ with model.py and what it needs.

    Raises:
        BenchError: Triton's Python backend doesn't run it.
    """

    def __init__(self, folder: Path) -> None:
        config = read_config(folder / CONFIG)
        if config.backend != "python":
            raise BenchError(
                f"The model {folder.name} of this release isn't run by Triton's Python backend, so there is no code of "
                "it to be run without a server. Make a release for the CPU: `make export TARGET=cpu`."
            )
        self._model = load_module(folder / "1" / "model.py").TritonPythonModel()
        self._model.initialize(
            {
                "model_config": json_format.MessageToJson(config, preserving_proto_field_name=True),
                "model_name": config.name,
                "model_version": "1",
                "model_repository": str(folder),
                "model_instance_name": f"{config.name}_0",
                "model_instance_kind": "CPU",
                "model_instance_device_id": "0",
            }
        )

    def run(self, tensors: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
        """Answers one request.

        Args:
            tensors: What it carries, by name.
            wanted: The outputs it asks for.

        Raises:
            BenchError: The model refuses it.
        """
        (response,) = self._model.execute([InferenceRequest(tensors, wanted)])
        if response.error is not None:
            raise BenchError(f"The model refused a text: {response.error.message()}")
        return {tensor.name(): tensor.as_numpy() for tensor in response.output_tensors}


def load_module(path: Path) -> Any:
    """Imports a file of a model as Triton does: its neighbours are found by their bare names."""
    utilities: Any = ModuleType(UTILITIES)
    utilities.Tensor = Tensor
    utilities.TritonError = TritonError
    utilities.InferenceResponse = InferenceResponse
    utilities.get_input_tensor_by_name = get_input_tensor_by_name
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
