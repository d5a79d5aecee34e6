"""What this project uses of TensorRT, by TensorRT's own names: nothing is called that isn't in these classes.

TensorRT is no dependency, and no machine without an NVIDIA GPU could try the code out, so a name that doesn't exist
would show on a user's machine only. The type checker holds the code to these classes, and a test holds these classes to
the Python bindings of TensorRT 10 and 11. `tensorrt_rtx` (TensorRT for RTX) has the same interface and needs no GPU to
compile; it is how plans are verified without one.

Source of the meanings: TensorRT's Python API documentation, https://docs.nvidia.com/deeplearning/tensorrt.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Protocol, cast

MODULES = ("tensorrt", "tensorrt_bindings")
"""Where TensorRT is found: whole, or its bindings alone beside libraries that the system has (the container)."""
VERIFIER = "tensorrt_rtx"


class ITensor(Protocol):
    """A tensor of a network."""

    name: str
    dtype: Any
    shape: Sequence[int]


class ILayer(Protocol):
    """A layer of a network."""

    name: str
    type: Any
    num_outputs: int

    def get_output(self, index: int, /) -> ITensor: ...


class INetworkDefinition(Protocol):
    """A network that a parser fills."""

    num_inputs: int
    num_outputs: int
    num_layers: int

    def get_input(self, index: int, /) -> ITensor: ...
    def get_output(self, index: int, /) -> ITensor: ...
    def get_layer(self, index: int, /) -> ILayer: ...


class ParserError(Protocol):
    """Why an ONNX file could not be parsed."""

    def desc(self) -> str: ...
    def node(self) -> int: ...
    def node_name(self) -> str: ...
    def node_operator(self) -> str: ...


class OnnxParser(Protocol):
    """Fills a network from ONNX."""

    num_errors: int

    def parse(self, model: bytes, /) -> bool: ...
    def get_error(self, index: int, /) -> ParserError: ...


class IOptimizationProfile(Protocol):
    """Ranges of the input shapes; false where a shape was refused."""

    def __bool__(self) -> bool: ...
    def set_shape(self, input: str, min: Sequence[int], opt: Sequence[int], max: Sequence[int]) -> None: ...
    def get_shape(self, input: str) -> Sequence[Sequence[int]]: ...


class ITimingCache(Protocol):
    """How long kernels took, kept from one build to the next."""

    def serialize(self) -> IHostMemory: ...


class IHostMemory(Protocol):
    """Bytes that TensorRT owns; `memoryview` reads them."""

    nbytes: int


class IBuilderConfig(Protocol):
    """How a network is built."""

    builder_optimization_level: int
    profiling_verbosity: Any
    progress_monitor: Any

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None: ...
    def add_optimization_profile(self, profile: IOptimizationProfile) -> int: ...
    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None: ...
    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool: ...
    def get_timing_cache(self) -> ITimingCache | None: ...


class Builder(Protocol):
    """Builds plans."""

    def create_network(self, flags: int) -> INetworkDefinition: ...
    def create_builder_config(self) -> IBuilderConfig: ...
    def create_optimization_profile(self) -> IOptimizationProfile: ...
    def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> IHostMemory | None: ...


class EngineInspector(Protocol):
    """Tells what an engine is made of."""

    def get_engine_information(self, format: Any) -> str: ...


class IExecutionContext(Protocol):
    """Runs an engine with the shapes of one profile."""

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool: ...
    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool: ...
    def set_tensor_address(self, name: str, memory: int) -> bool: ...
    def execute_async_v3(self, stream_handle: int) -> bool: ...


class ICudaEngine(Protocol):
    """A plan that is loaded."""

    num_layers: int
    num_io_tensors: int
    num_optimization_profiles: int

    def get_tensor_name(self, index: int) -> str: ...
    def get_tensor_dtype(self, name: str) -> Any: ...
    def get_tensor_shape(self, name: str) -> Sequence[int]: ...
    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Sequence[Sequence[int]]: ...
    def get_device_memory_size_for_profile_v2(self, profile_index: int) -> int: ...
    def create_engine_inspector(self) -> EngineInspector: ...
    def create_execution_context(self) -> IExecutionContext | None: ...


class Runtime(Protocol):
    """Loads plans."""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None: ...


class ILogger(Protocol):
    """What is derived from to hear TensorRT's messages."""

    Severity: Any

    def log(self, severity: Any, message: str) -> None: ...


class IProgressMonitor(Protocol):
    """What is derived from to watch a build; the names of the methods are TensorRT's."""

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None: ...
    def step_complete(self, phase_name: str, step: int) -> bool: ...
    def phase_finish(self, phase_name: str) -> None: ...


class Severity(Protocol):
    """Of a message; the lower, the worse."""

    INTERNAL_ERROR: Any
    ERROR: Any
    WARNING: Any
    INFO: Any


class NetworkDefinitionCreationFlag(Protocol):
    """Numbers of bits."""

    STRONGLY_TYPED: Any


class MemoryPoolType(Protocol):
    """Whose size can be limited."""

    WORKSPACE: Any


class ProfilingVerbosity(Protocol):
    """How much a plan remembers of its layers."""

    DETAILED: Any


class LayerInformationFormat(Protocol):
    """How an inspector answers."""

    JSON: Any


class DataType(Protocol):
    """Of a tensor."""

    INT64: Any
    FLOAT: Any
    HALF: Any


class TensorRT(Protocol):
    """The module."""

    __version__: str
    Builder: Callable[[Any], Builder]
    OnnxParser: Callable[[INetworkDefinition, Any], OnnxParser]
    Runtime: Callable[[Any], Runtime]
    ILogger: type[Any]
    IProgressMonitor: type[Any]
    NetworkDefinitionCreationFlag: type[NetworkDefinitionCreationFlag]
    MemoryPoolType: type[MemoryPoolType]
    ProfilingVerbosity: type[ProfilingVerbosity]
    LayerInformationFormat: type[LayerInformationFormat]
    DataType: type[DataType]


def find_tensorrt() -> TensorRT | None:
    """TensorRT, where this Python has it."""
    found = (_import(name) for name in MODULES)
    return next((cast(TensorRT, module) for module in found if module is not None), None)


def find_verifier() -> TensorRT | None:
    """TensorRT for RTX, where this Python has it."""
    return cast(TensorRT | None, _import(VERIFIER))


def _import(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):  # OSError: the bindings are there, their libraries aren't
        return None
