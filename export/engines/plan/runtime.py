"""Runs a plan on the GPU, as Triton's backend does: one execution context a profile."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from export.engines.plan.api import ICudaEngine, IExecutionContext, TensorRT
from export.engines.plan.messages import open_log
from export.errors import ExportError
from export.held_out import Scores
from export.signature import INPUTS, output_names

DEVICE = "cuda:0"


class PlanRunner:
    """A plan on the GPU.

    Args:
        trt: The TensorRT that built it.
        path: The plan.

    Raises:
        ExportError: The plan can't be loaded, or there is too little memory for it.
    """

    def __init__(self, trt: TensorRT, path: Path) -> None:
        self._log = open_log(trt)
        self._runtime = trt.Runtime(self._log)  # has to live as long as the engine
        engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
        if engine is None:
            raise ExportError(self._failure(f"The plan {path} can't be loaded"))
        self.engine: ICudaEngine = engine
        self._trt = trt
        self._stream = torch.cuda.Stream(device=DEVICE)
        # Batches of one length belong to one profile (profiles.Profile).
        self._contexts: dict[int, IExecutionContext] = {}
        for profile in range(engine.num_optimization_profiles):
            context = engine.create_execution_context()
            if context is None or not context.set_optimization_profile_async(profile, self._stream.cuda_stream):
                raise ExportError(self._failure(f"There is no memory for profile {profile} of the plan {path}"))
            _, _, most = engine.get_tensor_profile_shape(INPUTS[0], profile)
            self._contexts[most[1]] = context
        self._stream.synchronize()
        self._widths = {name: int(engine.get_tensor_shape(name)[1]) for name in output_names()}

    def __call__(self, input_ids: npt.NDArray[np.int64], attention_mask: npt.NDArray[np.int64]) -> Scores:
        """All outputs side by side, float32 [B, columns], of ids and mask [B, L]; L is one of the plan's lengths."""
        ids, mask = (torch.from_numpy(values).to(DEVICE) for values in (input_ids, attention_mask))
        scores: Scores = self.run(ids, mask).cpu().numpy()
        return scores

    def run(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """The same from and to the GPU's memory: int64 [B, L] → float32 [B, columns]; waits until it is done.

        Raises:
            ExportError: No profile has this length and batch, or the computation fails.
        """
        context = self._contexts.get(input_ids.shape[1])
        answers = {
            name: torch.empty((len(input_ids), width), dtype=torch.float32, device=DEVICE)
            for name, width in self._widths.items()
        }
        torch.cuda.current_stream(DEVICE).synchronize()  # what is read here was written there
        started = context is not None and all(
            context.set_input_shape(name, tuple(tensor.shape)) and context.set_tensor_address(name, tensor.data_ptr())
            for name, tensor in zip(INPUTS, (input_ids, attention_mask), strict=True)
        )
        if context is None or not started:
            raise ExportError(self._failure(f"The plan can't compute a batch of {list(input_ids.shape)}"))
        for name, tensor in answers.items():
            context.set_tensor_address(name, tensor.data_ptr())
        if not context.execute_async_v3(self._stream.cuda_stream):
            raise ExportError(self._failure("The plan's computation failed"))
        self._stream.synchronize()
        return torch.cat(list(answers.values()), dim=1) if len(answers) > 1 else next(iter(answers.values()))

    def facts(self) -> dict[str, Any]:
        """For the manifest: layers as compiled, with the types they give, and memory by profile, in bytes."""
        return {
            "compiled_layers": self.engine.num_layers,
            "compiled_layers_by_type": self._layers_by_type(),
            "device_memory_bytes": [
                self.engine.get_device_memory_size_for_profile_v2(profile)
                for profile in range(self.engine.num_optimization_profiles)
            ],
        }

    def _layers_by_type(self) -> dict[str, dict[str, int]]:
        text = self.engine.create_engine_inspector().get_engine_information(self._trt.LayerInformationFormat.JSON)
        try:
            layers = json.loads(text)["Layers"]
        except (ValueError, KeyError, TypeError):
            return {}  # the inspector's form is no promise; a build must not fail by it
        found: dict[str, Counter[str]] = {}
        for layer in layers:
            if isinstance(layer, dict):
                outputs = layer.get("Outputs") or [{}]
                kind = str(outputs[0].get("Format/Datatype", "unknown"))
                found.setdefault(str(layer.get("LayerType", "unknown")), Counter())[kind] += 1
        return {name: dict(counts.most_common()) for name, counts in sorted(found.items())}

    def _failure(self, what: str) -> str:
        told = "; ".join(" ".join(message.split()).rstrip(".") for message in self._log.errors[-2:])
        return (
            f"{what}{f': {told}' if told else ''}. Free GPU memory (`nvidia-smi`), or `make export TARGET=gpu FORCE=1`."
        )
