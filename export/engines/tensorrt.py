"""TARGET=gpu: a TensorRT FP16 plan, which Triton's `tensorrt` backend runs.

    FP32 ONNX ─▶ FP16 ONNX (float16/) ─▶ parity gate on the CPU ─▶ plan (plan/) ─▶ parity gate on the GPU

A plan fits one TensorRT version and one GPU architecture, so it is built on the machine, and in the container image,
that serves it. Without them the FP16 graph is made, compared and compiled by TensorRT for RTX, which needs no GPU:
what TensorRT can't take of the graph shows there as well.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.digests import directory_files, file_digest, files_digest
from export.engines import Compiled, Workload
from export.engines.float16.autocast import convert_autocast, is_installed
from export.engines.float16.conversion import convert_direct
from export.engines.float16.emulation import write_emulation
from export.engines.float16.ranges import LARGEST, activation_peaks, weight_peaks
from export.engines.plan.api import TensorRT, find_tensorrt, find_verifier
from export.engines.plan.builder import BuildOptions, build_plan
from export.engines.plan.classifier_config import write_classifier_config
from export.engines.plan.gpu import Gpu, find_gpu, lacking
from export.engines.plan.profiles import Profile, bucket_of, length_buckets, plan_profiles
from export.errors import Incomplete
from export.fingerprint import read_stamp, write_stamp
from export.guards import scratch_folder
from export.held_out import Run, Scorer, length_runs
from export.parity import Limits
from settings import ExportSettings
from steps import staged_directory

logger = logging.getLogger(__name__)

NAME = "TensorRT FP16"
GRAPH_NAME = "FP16 ONNX"
FILE = "model.plan"
TAKES_TEXT = False
PACKAGES = ("onnx", "onnxruntime")
STAMP = "made-from.json"
FACTS = "facts.json"
LOG = "build.log"
"""What TensorRT said at the last build, also of one that failed."""
CODE = Path(__file__).resolve().parent
SHOWN_LAYERS = 5


def environment() -> dict[str, str]:
    """TensorRT and the GPU; empty where the plan can't be built. Another driver runs the same plan."""
    trt, gpu = find_tensorrt(), find_gpu()
    if trt is None or gpu is None:
        return {}
    return {"tensorrt": trt.__version__, "gpu": gpu.name, "compute_capability": gpu.compute_capability}


def variants(workload: Workload) -> tuple[str, ...]:
    """`direct`, `autocast`, or both, as the settings say; AutoCast by itself only where it is installed."""
    precision = workload.settings.export.tensorrt.precision
    if precision != "auto":
        return (precision,)
    return ("direct", "autocast") if is_installed() else ("direct",)


def build(graph: Path, path: Path, variant: str, workload: Workload) -> None:
    """Make the FP16 graph, and say which layers leave FP16's range.

    Args:
        graph: the float32 ONNX graph.
        path: the file to write.
        variant: `direct` or `autocast`.
        workload: its calibration products are looked at.

    Raises:
        ExportError: AutoCast is asked for and not installed.
    """
    products = workload.calibration()
    batches = [products.batch(run) for run in length_runs(products)]
    if variant == "autocast":
        convert_autocast(graph, path, batches)
        return
    activations = activation_peaks(graph, batches)
    beyond = [peak for peak in [*weight_peaks(graph), *activations] if not peak.fits]
    for peak in beyond[:SHOWN_LAYERS]:
        logger.warning("%s reaches %.3g; FP16 ends at %s.", peak.layer, peak.value, f"{LARGEST:,.0f}")
    if len(beyond) > SHOWN_LAYERS:
        logger.warning("So do %d more.", len(beyond) - SHOWN_LAYERS)
    if activations and not beyond:
        largest = activations[0]
        logger.info(
            "Largest number of an FP16 layer on %d products: %.3g (%s); FP16 ends at %s.",
            len(products),
            largest.value,
            largest.layer,
            f"{LARGEST:,.0f}",
        )
    convert_direct(graph, path)


def open_scorer(path: Path, threads: int) -> Scorer:
    """Compute with the FP16 graph on the CPU, rounding as a GPU does (float16/emulation.py).

    Args:
        path: what `build` wrote.
        threads: cores one run may use.
    """
    from export.engines import onnxruntime_int8

    with scratch_folder(path.parent, "emulation") as folder:
        emulation = folder / "model.onnx"
        write_emulation(path, emulation)
        return onnxruntime_int8.open_scorer(emulation, threads)


def runs(lengths: npt.NDArray[np.int64], workload: Workload) -> Iterator[Run]:
    """Batches in the order of arrival, padded to the bucket of the longest, as model_repository/tokenizer does."""
    buckets, most = length_buckets(workload), workload.settings.serving.max_batch_size
    for start in range(0, len(lengths), most):
        rows = np.arange(start, min(start + most, len(lengths)))
        yield Run(rows, bucket_of(int(lengths[rows].max()), buckets))


def width(length: int, workload: Workload) -> int:
    """The least bucket that holds the text."""
    return bucket_of(length, length_buckets(workload))


def limits(settings: ExportSettings) -> Limits:
    """What FP16 must hold."""
    return Limits(
        max_difference=settings.max_probability_difference_fp16,
        min_equal_categories=settings.min_equal_categories_fp16,
    )


def compile(graph: Path, folder: Path, workload: Workload, force: bool) -> Compiled:
    """Build the plan, or see whether it could be built.

    Args:
        graph: the FP16 graph.
        folder: build/engines/gpu; the plan goes into `plan/`, the verified one's facts into `verification.json`.
        workload: its lengths and batches become the profiles.
        force: build it again although it is there.

    Raises:
        Incomplete: there is no TensorRT or no GPU here; the graph compiles with TensorRT for RTX.
        ExportError: the plan can't be built.
    """
    profiles = plan_profiles(workload)
    trt, gpu = find_tensorrt(), find_gpu()
    if trt is None or gpu is None:
        _verify(graph, folder, profiles, workload)
        raise Incomplete(
            f"No release was made, because this machine has no {lacking(trt, gpu)}, and a plan is built where it is "
            "served: run `make export TARGET=gpu` on a machine with an NVIDIA GPU, Docker and the NVIDIA Container "
            "Toolkit."
        )
    return _plan(trt, gpu, graph, folder / "plan" / FILE, profiles, workload, force)


def install(compiled: Compiled, folder: Path, workload: Workload) -> None:
    """Put the plan and its configuration in place.

    Args:
        compiled: the plan.
        folder: model_repository/classifier of the release.
        workload: its profiles and buckets are named in the configuration.
    """
    (folder / "1").mkdir(parents=True)
    shutil.copyfile(compiled.file, folder / "1" / FILE)
    write_classifier_config(folder, length_buckets(workload), workload.settings.serving.max_batch_size)


def tokenizer_settings(workload: Workload) -> dict[str, Any]:
    """The lengths that the plan has profiles for."""
    return {"length_buckets": length_buckets(workload)}


def _plan(
    trt: TensorRT, gpu: Gpu, graph: Path, path: Path, profiles: list[Profile], workload: Workload, force: bool
) -> Compiled:
    from export.engines.plan.runtime import PlanRunner

    folder = path.parents[1]
    options = _options(workload, folder, folder / f"timing-{trt.__version__}-{gpu.compute_capability}.cache")
    stamp = {
        "graph": file_digest(graph),
        "profiles": [str(profile) for profile in profiles],
        "options": [options.workspace_mib, options.optimization_level],
        "code": files_digest(directory_files(CODE / "plan"), CODE),
        **environment(),
    }
    if force or not path.is_file() or read_stamp(path.with_name(STAMP)) != stamp:
        logger.info("%s for %s, TensorRT %s …", NAME, gpu.name, trt.__version__)
        with staged_directory(path.parent) as new:
            facts = build_plan(trt, graph, profiles, options, new / FILE)
            write_stamp(new / FACTS, facts)
            write_stamp(new / STAMP, stamp)
        logger.info("%s: %.0f s, %.0f MB", NAME, facts["build_seconds"], path.stat().st_size / 1e6)
    runner = PlanRunner(trt, path)
    facts = {**(read_stamp(path.with_name(FACTS)) or {}), **runner.facts()}
    for profile, memory in zip(facts["profiles"], facts.pop("device_memory_bytes"), strict=True):
        profile["device_memory_bytes"] = memory
    about_gpu = {"gpu": gpu.name, **{name: value for name, value in vars(gpu).items() if name != "name"}}
    image = {"image": os.environ.get("PRODUCT_TAGGER_IMAGE")}
    return Compiled(path, {**facts, **about_gpu, **image}, runner)


def _verify(graph: Path, folder: Path, profiles: list[Profile], workload: Workload) -> None:
    """Compile with TensorRT for RTX, and tell what came of it; the facts go into `verification.json`."""
    verifier = find_verifier()
    if verifier is None:
        logger.warning(
            "Whether the FP16 graph compiles was not tried, as TensorRT for RTX is not installed "
            '(`pip install -c constraints.txt ".[verify]"`).'
        )
        return
    with scratch_folder(folder, "verification") as scratch:
        facts = build_plan(verifier, graph, profiles, _options(workload, folder), scratch / FILE)
        facts["bytes"] = (scratch / FILE).stat().st_size
    new = folder / ".verification.json.new"
    write_stamp(new, facts)
    new.replace(folder / "verification.json")
    logger.info(
        "The FP16 graph compiles: TensorRT for RTX %s, %d layers, lengths %s, batches 1 to %d, %.1f s, %.0f MB.",
        facts["tensorrt"],
        facts["layers"],
        ", ".join(str(profile.length.most) for profile in profiles),
        facts["max_batch_size"],
        facts["build_seconds"],
        facts["bytes"] / 1e6,
    )


def _options(workload: Workload, folder: Path, timing_cache: Path | None = None) -> BuildOptions:
    settings = workload.settings.export.tensorrt
    return BuildOptions(
        settings.workspace_mib, settings.optimization_level, workload.positions, folder / LOG, timing_cache
    )
