"""One run of the benchmark: everything is started, takes turns, and is ended."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from export.chain import GRAPH, graph_step
from export.checkpoint import Checkpoint, read_checkpoint
from loadtest.bench.contestant import Contestant
from loadtest.bench.contestants import Contestants
from loadtest.bench.load import Job
from loadtest.bench.measure import Series, measure
from loadtest.bench.processes import Stillness
from loadtest.bench.servers import FASTAPI, LITSERVE, PLAIN, Peer, plain_triton, require, started
from loadtest.errors import LoadtestError
from loadtest.options import BenchOptions
from loadtest.texts import draw_texts
from serving.releases import Release, current_release
from serving.repository import render_repository, usable_cores
from serving.temporary import temporary_server
from settings import Settings

OVERHEAD_SECONDS = 1.5
"""What a measurement takes beside its warm-up and its measured time: the load generator starts and ends."""
FOLDER = "bench"
"""Below the build directory: what the servers that are compared are started on, and what they tell."""


@dataclass(frozen=True)
class Inputs:
    """What is measured with.

    Attributes:
        checkpoint: What the hand-written services load.
        graph: Its FP32 graph, which the export leaves.
        release: What this server serves; made of the checkpoint.
        texts: What all are asked.
    """

    checkpoint: Checkpoint
    graph: Path
    release: Release
    texts: list[str]


def read_inputs(settings: Settings) -> Inputs:
    """Everything that has to be there, and of one make.

    Raises:
        LoadtestError: It isn't; or the package of a server is missing.
        PreparedCatalogError: There is no catalogue.
        ServingError: There is no release.
        ExportError: The checkpoint can't be read.
    """
    for peer in (FASTAPI, LITSERVE):
        require(peer)
    folder = settings.build_dir / "checkpoint"
    if not (folder / "config.json").is_file():
        raise LoadtestError(f"There is no checkpoint in {folder}. Make one: `make train`.")
    checkpoint = read_checkpoint(folder)
    release = current_release(settings.build_dir / "releases")
    if release.manifest.get("checkpoint_digest") != checkpoint.digest:
        raise LoadtestError(f"The release {release.id} was made of another checkpoint than {folder}: `make export`.")
    step = graph_step(settings.build_dir, checkpoint)
    if step.reason() is not None or not (step.output / GRAPH).is_file():
        raise LoadtestError(f"The FP32 graph of the checkpoint is missing from {step.output}: `make export FORCE=1`.")
    return Inputs(checkpoint, step.output / GRAPH, release, draw_texts(settings, None))


@contextlib.contextmanager
def contestants(settings: Settings, options: BenchOptions, inputs: Inputs) -> Iterator[Contestants]:
    """All that is measured, started and kept still, while the block runs.

    Raises:
        LoadtestError: A server doesn't start.
        ServingError: This one doesn't.
    """
    folder = settings.build_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    texts, warm_up, seconds = inputs.texts, options.warm_up_s, options.seconds
    repository = folder / "in_process"
    render_repository(inputs.release, settings.serving.model_copy(update={"instances": 1, "threads": 1}), repository)
    with contextlib.ExitStack() as stack:

        def peer(which: Peer) -> Contestant:
            log = folder / f"{which.package}.log"
            server = stack.enter_context(started(which, inputs.checkpoint.path, inputs.checkpoint.max_length, log))
            stillness = stack.enter_context(Stillness(server.process))
            return Contestant(which.name, Job("peer", texts, warm_up, seconds, server.port), server.process, stillness)

        def in_process(name: str, graph: str | None) -> Contestant:
            return Contestant(name, Job("model", texts, warm_up, seconds, repository=str(repository), graph=graph))

        fastapi, litserve = peer(FASTAPI), peer(LITSERVE)
        plain = stack.enter_context(plain_triton(inputs.checkpoint, inputs.graph, folder))
        plain_stillness = stack.enter_context(Stillness(plain.process))
        state = stack.enter_context(temporary_server(settings))
        # The supervising process first: it would take a stopped Triton for one that hangs.
        own = stack.enter_context(Stillness(state.supervisor.pid, *(one.pid for one in state.processes)))
        root = state.supervisor.pid
        yield Contestants(
            grpc=Contestant("this server, gRPC", Job("grpc", texts, warm_up, seconds, state.grpc_port), root, own),
            http=Contestant("this server, HTTP", Job("http", texts, warm_up, seconds, state.http_port), root, own),
            fastapi=fastapi,
            litserve=litserve,
            plain=Contestant(PLAIN, Job("grpc", texts, warm_up, seconds, plain.port), plain.process, plain_stillness),
            engine=in_process("in process", None),
            float32=in_process("in process, FP32 ONNX", str(inputs.graph)),
            cores=usable_cores(),
        )
    shutil.rmtree(folder, ignore_errors=True)  # its logs are of interest only where something failed


def run(
    settings: Settings, options: BenchOptions, inputs: Inputs, tell: Callable[[str], None]
) -> tuple[Contestants, list[Series]]:
    """Starts everything, measures all rounds, and ends everything.

    Args:
        settings: How this server is run.
        options: What is measured, and how long.
        inputs: What is measured with.
        tell: Gets a line on each measurement.

    Raises:
        LoadtestError: Something didn't start, or a measurement failed.
        ServingError: This server didn't start.
    """
    with contestants(settings, options, inputs) as who:
        stages = who.stages(options.clients)
        turns = options.rounds * sum(map(len, stages))
        minutes = turns * (options.warm_up_s + options.seconds + OVERHEAD_SECONDS) / 60
        tell(
            f"{turns} measurements of {options.seconds:g} s, about {minutes:.0f} min. "
            "Leave the machine alone meanwhile."
        )
        return who, measure(stages, options.rounds, tell)
