"""`make bench TARGET=gpu`: the current release's TensorRT plan beside PyTorch FP16, eager and compiled, on one GPU."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import torch

from export.checkpoint import Checkpoint, read_checkpoint
from export.engines.plan.api import find_tensorrt
from export.engines.plan.gpu import find_gpu, lacking
from export.engines.plan.runtime import DEVICE, PlanRunner
from export.gate import ParityGate
from export.pipeline import make_workload
from export.targets import find_engine
from loadtest.bench.measure import Load, Series, Turn, measure
from loadtest.engines.contenders import Conditions, Contender, pytorch, without_failing
from loadtest.engines.report import plot, results, table
from loadtest.options import EngineOptions, make_parser, read_options
from loadtest.reports import write_json
from serving.errors import ServingError
from serving.releases import Release, current_release
from settings import Settings, load_settings
from steps import run_command

PLAN = "TensorRT FP16 plan"
MISSING = 3
"""Exit status where there is no GPU or no TensorRT to measure."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return the process's exit status."""
    parser = make_parser("loadtest.engines", __doc__, EngineOptions)
    parsed = parser.parse_args(arguments)
    options = read_options(parser, parsed, EngineOptions)
    return run_command(lambda: _run(load_settings(parsed.config, parsed.set), options), level=logging.WARNING)


def _run(settings: Settings, options: EngineOptions) -> int:
    trt, gpu = find_tensorrt(), find_gpu()
    if trt is None or gpu is None:
        print(
            f"Nothing was measured, because this machine has no {lacking(trt, gpu)}: run "
            "`make bench TARGET=gpu` where `make export TARGET=gpu` made the release."
        )
        return MISSING
    checkpoint = read_checkpoint(settings.build_dir / "checkpoint")
    release = _gpu_release(settings, checkpoint)
    engine = release.manifest["engine"]
    runner = PlanRunner(trt, release.repository / "classifier" / "1" / engine["file"])
    conditions = Conditions(DEVICE, int(checkpoint.config["vocab_size"]), options.seconds)
    engines = [
        pytorch(checkpoint, conditions, torch.float16),
        pytorch(checkpoint, conditions, torch.float16, compiled=True),
        Contender(PLAN, runner.run, conditions),
    ]
    heading = f"{gpu.name}, TensorRT {trt.__version__}, PyTorch {torch.__version__}"
    print(f"{heading}; release {release.id}")
    lengths = [int(profile["length"]) for profile in engine["profiles"]]
    batches = [batch for batch in options.batches if batch <= int(engine["max_batch_size"])]
    passed, parity = _compare(settings, checkpoint, runner)  # first: what is missing for it shows before the long part
    engines = without_failing(engines, lengths[0], _tell)
    series: list[Series] = []
    for load in (Load(batch, length) for length in lengths for batch in batches):
        series += measure([[Turn(one, load) for one in engines]], options.rounds, _tell)
    facts: dict[str, Any] = {
        "created": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        "release": release.id,
        "gpu": vars(gpu),
        "versions": {"tensorrt": trt.__version__, "torch": torch.__version__},
        "options": options.model_dump(),
        "parity": parity,
    }
    reports = settings.build_dir / "reports"
    write_json(reports / "bench-gpu.json", {**facts, "results": results(series)})
    plot(reports / "bench-gpu.png", series, heading)
    print()
    for line in table(series, engines[0].name):
        print(line)
    print(f"\n{parity}\nWritten: {reports / 'bench-gpu.json'}, {reports / 'bench-gpu.png'}")
    return 0 if passed else 1


def _tell(line: str) -> None:
    print(line, flush=True)


def _gpu_release(settings: Settings, checkpoint: Checkpoint) -> Release:
    release = current_release(settings.build_dir / "releases")
    if release.target != "gpu":
        raise ServingError(f"The current release {release.id} is not for a GPU. Make one: `make export TARGET=gpu`.")
    if release.manifest.get("checkpoint_digest") != checkpoint.digest:
        raise ServingError(
            f"The release {release.id} was made of another checkpoint than {checkpoint.path}: `make export TARGET=gpu`."
        )
    return release


def _compare(settings: Settings, checkpoint: Checkpoint, runner: PlanRunner) -> tuple[bool, str]:
    """Whether the plan holds the gate's limits on the held-out products, and the gate's table."""
    workload = make_workload(settings, checkpoint)
    gate = ParityGate(checkpoint, find_engine("gpu"), workload)
    passed = gate.check_compiled(runner)
    return passed, gate.report().table()


if __name__ == "__main__":
    sys.exit(main())
