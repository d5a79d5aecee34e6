"""ONNX → TensorRT plan, with TensorRT 10 and 11: a strongly typed network, so the precisions are the graph's own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from export.engines.plan.api import Builder, IBuilderConfig, IHostMemory, INetworkDefinition, OnnxParser, TensorRT
from export.engines.plan.messages import MessageLog, open_log, open_progress
from export.engines.plan.profiles import Profile, check_profiles
from export.errors import ExportError
from export.signature import INPUTS, output_names

MEBIBYTE = 1 << 20
WORKSPACE_MIB = 1024
"""GPU memory that one layer may use while it is computed; the largest batch of a 12-layer encoder needs a tenth of it.

TensorRT's default is all of the GPU, so that a plan could need more than the GPU that serves it has free.
"""
SHOWN_ERRORS = 3


@dataclass(frozen=True)
class BuildOptions:
    """How a plan is built.

    Attributes:
        optimization_level: 0 to 5, how long to look for the quickest kernels.
        positions: Tokens the model has positions for.
        log: File for what TensorRT says meanwhile, also where the build fails.
        timing_cache: File with the times of kernels tried before, read and written; None: neither.
    """

    optimization_level: int
    positions: int
    log: Path
    timing_cache: Path | None = None


def build_plan(
    trt: TensorRT, graph: Path, profiles: Sequence[Profile], options: BuildOptions, path: Path
) -> dict[str, Any]:
    """Build a plan and write it.

    Args:
        trt: `tensorrt`, or `tensorrt_rtx` to see whether the graph compiles.
        graph: An FP16 ONNX file with the served inputs and output.
        profiles: The shapes it has to compute.
        options: How.
        path: The file to write.

    Returns:
        What the manifest tells of it: version, layers, profiles, seconds, the tensors with their types.

    Raises:
        ExportError: The graph can't be parsed, a profile doesn't fit it, or TensorRT finds no way to compute it.
        OSError: The plan can't be written.
    """
    log = open_log(trt)
    started = time.monotonic()
    try:
        builder = trt.Builder(log)
        network = _parse(trt, builder, graph, log)
        inputs = {tensor.name: list(tensor.shape) for tensor in _inputs(network)}
        check_profiles(profiles, inputs, options.positions)
        config = _configure(trt, builder, options)
        for profile in profiles:
            _add_profile(builder, config, profile, len(profiles), log)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise ExportError(_why_not_built(graph, log, options))
        _write(path, plan)
        _keep_timings(config, options)
    finally:
        options.log.write_text("\n".join(log.lines) + "\n", encoding="utf-8")
    return {
        "tensorrt": trt.__version__,
        "layers": network.num_layers,
        "layers_by_type": _layers_by_type(network),
        "tensors": _tensors(network),
        "profiles": [profile.facts() for profile in profiles],
        "max_batch_size": max(profile.batch.most for profile in profiles),
        "build_seconds": round(time.monotonic() - started, 1),
    }


def _parse(trt: TensorRT, builder: Builder, graph: Path, log: MessageLog) -> INetworkDefinition:
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    # Not `supports_model_v2`: it ends the process on some graphs.
    # An empty file is parsed without an error.
    if not parser.parse(graph.read_bytes()) or not network.num_outputs:
        raise ExportError(_why_not_parsed(trt, graph, parser))
    names = [tensor.name for tensor in _outputs(network)]
    if names != output_names():
        wanted = ", ".join(output_names())
        raise ExportError(f"{graph} gives {', '.join(names)}, not {wanted}: it is not what serving needs.")
    return network


def _why_not_parsed(trt: TensorRT, graph: Path, parser: OnnxParser) -> str:
    errors = [parser.get_error(number) for number in range(parser.num_errors)]
    about_nodes = [
        f"node {error.node()} ({error.node_operator() or 'unknown'} {error.node_name()!r}): {_line(error.desc())}"
        for error in errors
        if error.node() >= 0
    ]
    if not about_nodes:
        return (
            f"TensorRT {trt.__version__} can't read {graph}: it is damaged, or no ONNX file. Make it again: "
            "`make export TARGET=gpu FORCE=1`."
        )
    return (
        f"TensorRT {trt.__version__} can't take {graph}: {'; '.join(about_nodes[:SHOWN_ERRORS])}. The operator of that "
        "node is the one to change: TensorRT lacks it, or can't take its types. Another base model may do without it."
    )


def _configure(trt: TensorRT, builder: Builder, options: BuildOptions) -> IBuilderConfig:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_MIB * MEBIBYTE)
    config.builder_optimization_level = options.optimization_level
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # the manifest tells the precision of each layer
    config.progress_monitor = open_progress(trt, "TensorRT plan")
    if options.timing_cache is not None:
        known = options.timing_cache.read_bytes() if options.timing_cache.is_file() else b""
        # A cache of another version or GPU, or a damaged one, is no error: all is timed anew then.
        cache = config.create_timing_cache(known) or config.create_timing_cache(b"")
        if cache is not None:
            config.set_timing_cache(cache, ignore_mismatch=False)
    return config


def _add_profile(builder: Builder, config: IBuilderConfig, profile: Profile, count: int, log: MessageLog) -> None:
    made = builder.create_optimization_profile()
    for name in INPUTS:
        made.set_shape(name, *profile.shapes())
    # TensorRT says nothing where it doesn't take a shape, so it is asked.
    taken = all([tuple(shape) for shape in made.get_shape(name)] == list(profile.shapes()) for name in INPUTS)
    if not made or not taken or config.add_optimization_profile(made) < 0:
        raise ExportError(
            f"TensorRT refuses the profile {profile}, one of {count}{_told(log)}. Change "
            "export.tensorrt.length_buckets or serving.max_batch_size."
        )


def _why_not_built(graph: Path, log: MessageLog, options: BuildOptions) -> str:
    return (
        f"TensorRT found no way to compute {graph}{_told(log)}. If it speaks of memory or tactics, lower "
        "serving.max_batch_size; if it names a node, that node's operator is the one to change. All it said: "
        f"{options.log}"
    )


def _told(log: MessageLog) -> str:
    return f": {'; '.join(map(_line, log.errors[:SHOWN_ERRORS]))}" if log.errors else ""


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _write(path: Path, memory: IHostMemory) -> None:
    with path.open("wb") as stream:
        stream.write(memoryview(cast(Any, memory)))


def _keep_timings(config: IBuilderConfig, options: BuildOptions) -> None:
    if options.timing_cache is None or (cache := config.get_timing_cache()) is None:
        return
    new = options.timing_cache.with_name(f".{options.timing_cache.name}.new")
    _write(new, cache.serialize())
    new.replace(options.timing_cache)


def _inputs(network: INetworkDefinition) -> list[Any]:
    return [network.get_input(number) for number in range(network.num_inputs)]


def _outputs(network: INetworkDefinition) -> list[Any]:
    return [network.get_output(number) for number in range(network.num_outputs)]


def _tensors(network: INetworkDefinition) -> dict[str, dict[str, Any]]:
    return {
        tensor.name: {"dtype": _short(tensor.dtype), "shape": list(tensor.shape)}
        for tensor in [*_inputs(network), *_outputs(network)]
    }


def _layers_by_type(network: INetworkDefinition) -> dict[str, dict[str, int]]:
    """Layer type → type of what it gives → how many, before TensorRT joins layers."""
    found: dict[str, Counter[str]] = {}
    for number in range(network.num_layers):
        layer = network.get_layer(number)
        if layer.num_outputs:
            found.setdefault(_short(layer.type), Counter())[_short(layer.get_output(0).dtype)] += 1
    return {name: dict(counts.most_common()) for name, counts in sorted(found.items())}


def _short(value: Any) -> str:
    """`DataType.HALF` → `HALF`."""
    return str(value).rpartition(".")[2]
