"""TARGET=gpu: a TensorRT FP16 plan, which Triton's `tensorrt` backend runs.

    FP32 ONNX ─▶ FP16 ONNX (float16/) ─▶ parity gate on the CPU ─▶ plan (plan/) ─▶ parity gate on the GPU

A plan fits one TensorRT version and one GPU architecture, so it is built on the machine, and in the container image,
that serves it. Without them the FP16 graph is made, compared and compiled by TensorRT for RTX, which needs no GPU:
what TensorRT can't take of the graph shows there as well.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.engine import Compiled, Workload
from export.engines.float16.autocast import is_installed
from export.engines.float16.emulation import write_emulation
from export.engines.float16.graph import AUTOCAST, DIRECT, build_fp16
from export.engines.plan.api import TensorRT, find_tensorrt, find_verifier
from export.engines.plan.builder import BuildOptions, build_plan
from export.engines.plan.classifier_config import write_classifier_config
from export.engines.plan.gpu import Gpu, find_gpu, lacking
from export.engines.plan.profiles import Profile, bucket_of, length_buckets, plan_profiles
from export.errors import Incomplete
from export.held_out import Run, Scorer, length_runs
from export.onnx_scorer import open_scorer
from export.parity import Limits
from settings import ExportSettings
from steps import Step, code_digest, file_digest, scratch_folder, staged_file

logger = logging.getLogger(__name__)

FACTS = "facts.json"
VERIFICATION = "verification.json"
LOG = "build.log"
"""What TensorRT said at the last build, also of one that failed."""


class TensorRTPlan:
    """The engine of TARGET=gpu; `export.engine.Engine` says what its members mean."""

    name = "TensorRT FP16"
    graph_name = "FP16 ONNX"
    file = "model.plan"
    models: tuple[str, ...] = ("tokenizer", "labeler")
    alternative: str | None = "tensorrt"
    packages: tuple[str, ...] = ("onnx", "onnxruntime")
    graph_code: tuple[str, ...] = ("export.engines.float16.graph",)
    code: tuple[str, ...] = ("export.engines.tensorrt",)

    def environment(self) -> dict[str, str]:
        """TensorRT and the GPU; empty where the plan can't be built. Another driver runs the same plan."""
        trt, gpu = find_tensorrt(), find_gpu()
        if trt is None or gpu is None:
            return {}
        return {"tensorrt": trt.__version__, "gpu": gpu.name, "compute_capability": gpu.compute_capability}

    def variants(self, workload: Workload) -> tuple[str, ...]:
        """`direct`, `autocast`, or both, as the settings say; AutoCast by itself only where it is installed."""
        precision = workload.settings.export.tensorrt.precision
        if precision != "auto":
            return (precision,)
        return (DIRECT, AUTOCAST) if is_installed() else (DIRECT,)

    def build(self, graph: Path, path: Path, variant: str, workload: Workload) -> None:
        """Makes the FP16 graph; the calibration products' numbers are looked at."""
        products = workload.calibration()
        build_fp16(graph, path, variant, [products.batch(run) for run in length_runs(products)])

    def open_scorer(self, path: Path, threads: int) -> Scorer:
        """Computes with the FP16 graph on the CPU, rounding as a GPU does (float16/emulation.py)."""
        with scratch_folder(path.parent, "emulation") as folder:
            emulation = folder / "model.onnx"
            write_emulation(path, emulation)
            return open_scorer(emulation, threads)

    def runs(self, lengths: npt.NDArray[np.int64], workload: Workload) -> Iterator[Run]:
        """Batches in the order of arrival, padded to the bucket of the longest, as model_repository/tokenizer does."""
        buckets, most = _buckets(workload), workload.settings.serving.max_batch_size
        for start in range(0, len(lengths), most):
            rows = np.arange(start, min(start + most, len(lengths)))
            yield Run(rows, bucket_of(int(lengths[rows].max()), buckets))

    def width(self, length: int, workload: Workload) -> int:
        """The least bucket that holds the text."""
        return bucket_of(length, _buckets(workload))

    def limits(self, settings: ExportSettings) -> Limits:
        """What FP16 must hold."""
        return Limits(
            max_difference=settings.max_probability_difference_fp16,
            min_equal_categories=settings.min_equal_categories_fp16,
        )

    def compile(self, graph: Path, folder: Path, workload: Workload, *, force: bool) -> Compiled:
        """Builds the plan, or sees whether it could be built.

        The plan goes into `plan/`, what is known of one that was only verified into `verification.json`.
        """
        profiles = plan_profiles(_buckets(workload), workload.settings.serving.max_batch_size)
        trt, gpu = find_tensorrt(), find_gpu()
        if trt is None or gpu is None:
            _verify(graph, folder, profiles, workload)
            raise Incomplete(
                f"No release was made, because this machine has no {lacking(trt, gpu)}, and a plan is built where it "
                "is served: run `make export TARGET=gpu` on a machine with an NVIDIA GPU, Docker and the NVIDIA "
                "Container Toolkit."
            )
        return self._plan(trt, gpu, graph, folder, profiles, workload, force)

    def install(self, compiled: Compiled, folder: Path, workload: Workload) -> None:
        """Puts the plan in place, with a configuration that names its profiles and lengths."""
        (folder / "1").mkdir(parents=True)
        shutil.copyfile(compiled.file, folder / "1" / self.file)
        write_classifier_config(folder, _buckets(workload), workload.settings.serving.max_batch_size)

    def tokenizer_settings(self, workload: Workload) -> dict[str, Any]:
        """The lengths that the plan has profiles for."""
        return {"length_buckets": _buckets(workload)}

    def _plan(
        self,
        trt: TensorRT,
        gpu: Gpu,
        graph: Path,
        folder: Path,
        profiles: list[Profile],
        workload: Workload,
        force: bool,
    ) -> Compiled:
        from export.engines.plan.runtime import PlanRunner

        options = _options(workload, folder, folder / f"timing-{trt.__version__}-{gpu.compute_capability}.cache")
        step = Step(
            f"The {self.name} plan for {gpu.name}",
            folder / "plan",
            {
                "the FP16 graph": file_digest(graph),
                "the profiles": [str(profile) for profile in profiles],
                "the settings": {"optimization_level": options.optimization_level},
                "TensorRT or the GPU": self.environment(),
                "the code": code_digest("export.engines.plan.builder"),
            },
        )
        path = step.output / self.file
        if step.is_due(force=force):
            with step.making() as new:
                facts = build_plan(trt, graph, profiles, options, new / self.file)
                (new / FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
            logger.info("%s: %.0f s, %.0f MB", self.name, facts["build_seconds"], path.stat().st_size / 1e6)
        runner = PlanRunner(trt, path)
        facts = {**json.loads((step.output / FACTS).read_text(encoding="utf-8")), **runner.facts()}
        for profile, memory in zip(facts["profiles"], facts.pop("device_memory_bytes"), strict=True):
            profile["device_memory_bytes"] = memory
        about_gpu = {"gpu": gpu.name, **{name: value for name, value in vars(gpu).items() if name != "name"}}
        image = {"image": os.environ.get("PRODUCT_TAGGER_IMAGE")}
        return Compiled(path, {**facts, **about_gpu, **image}, runner)


def _buckets(workload: Workload) -> list[int]:
    return length_buckets(workload.settings.export.tensorrt.length_buckets, workload.max_length)


def _verify(graph: Path, folder: Path, profiles: list[Profile], workload: Workload) -> None:
    """Compiles with TensorRT for RTX, and tells what came of it; the facts go into `verification.json`."""
    verifier = find_verifier()
    if verifier is None:
        logger.warning(
            "Whether the FP16 graph compiles was not tried, as TensorRT for RTX is not installed "
            '(`pip install -c constraints.txt ".[verify]"`).'
        )
        return
    with scratch_folder(folder, "verification") as scratch:
        plan = scratch / TensorRTPlan.file
        facts = build_plan(verifier, graph, profiles, _options(workload, folder), plan)
        facts["bytes"] = plan.stat().st_size
    with staged_file(folder / VERIFICATION) as new:
        new.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
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
    level = workload.settings.export.tensorrt.optimization_level
    return BuildOptions(level, workload.positions, folder / LOG, timing_cache)
