"""One run of the benchmark: everything is started, takes turns, and is ended."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import catalog.prepared
from export.chain import GRAPH, graph_step
from export.checkpoint import Checkpoint, read_checkpoint
from loadtest.bench import requests
from loadtest.bench.ceiling import InProcess
from loadtest.bench.contestants import Contestants
from loadtest.bench.errors import BenchError
from loadtest.bench.measure import Series, measure
from loadtest.bench.plain_server import NAME as PLAIN
from loadtest.bench.plain_server import plain_triton
from loadtest.bench.processes import Stillness
from loadtest.bench.report import told_errors
from loadtest.bench.server import Asked, System
from loadtest.bench.servers import FASTAPI, LITSERVE, Peer, Started, require, started
from loadtest.options import BenchOptions
from serving.releases import Release, current_release
from serving.repository import render_repository, usable_cores
from serving.temporary import temporary_server
from settings import Settings

TEXTS = 2000
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
        BenchError: It isn't; or the package of a server is missing.
        PreparedCatalogError: There is no catalogue.
        ServingError: There is no release.
        ExportError: The checkpoint can't be read.
    """
    for peer in (FASTAPI, LITSERVE):
        require(peer)
    folder = settings.build_dir / "checkpoint"
    if not (folder / "config.json").is_file():
        raise BenchError(f"There is no checkpoint in {folder}. Make one: `make train`.")
    checkpoint = read_checkpoint(folder)
    release = current_release(settings.build_dir / "releases")
    if release.manifest.get("checkpoint_digest") != checkpoint.digest:
        raise BenchError(f"The release {release.id} was made of another checkpoint than {folder}: `make export`.")
    step = graph_step(settings.build_dir, checkpoint)
    if step.reason() is not None:
        raise BenchError(f"The FP32 graph of the checkpoint is missing from {step.output}: `make export FORCE=1`.")
    return Inputs(checkpoint, step.output / GRAPH, release, _texts(settings.build_dir / "catalog"))


def _texts(directory: Path) -> list[str]:
    texts = [example.text for example in catalog.prepared.read_split(directory, "test")]
    if not texts:
        raise BenchError(f"The test part in {directory} is empty: there is nothing to ask about.")
    random.Random(13).shuffle(texts)
    return texts[:TEXTS]


@contextlib.contextmanager
def contestants(settings: Settings, options: BenchOptions, inputs: Inputs) -> Iterator[Contestants]:
    """All that is measured, started and kept still, while the block runs.

    Raises:
        BenchError: A server doesn't start.
        ServingError: This one doesn't.
    """
    folder = settings.build_dir / FOLDER
    with told_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    asked = Asked(inputs.texts, options.warm_up_s, options.seconds)
    serving = settings.serving.model_copy(update={"instances": 1, "threads": 1})
    render_repository(inputs.release, serving, folder / "in_process")
    with contextlib.ExitStack() as stack:

        def peer(which: Peer) -> System:
            log = folder / f"{which.package}.log"
            server = stack.enter_context(started(which, inputs.checkpoint.path, inputs.checkpoint.max_length, log))
            return system(which.name, requests.PEER, server)

        def system(name: str, api: str, server: Started) -> System:
            stillness = stack.enter_context(Stillness(server.group))
            return System(name, api, server.port, server.process, asked, stillness)

        def in_process(name: str, graph: Path | None) -> InProcess:
            return InProcess(name, folder / "in_process", graph, asked, folder / "in_process.log")

        fastapi, litserve = peer(FASTAPI), peer(LITSERVE)
        plain, _ = stack.enter_context(plain_triton(inputs.checkpoint, inputs.graph, folder))
        state = stack.enter_context(temporary_server(settings))
        assert state.server is not None
        own = stack.enter_context(Stillness(state.server.pid))
        root = state.supervisor.pid
        yield Contestants(
            grpc=System("this server, gRPC", requests.GRPC, state.grpc_port, root, asked, own),
            http=System("this server, HTTP", requests.HTTP, state.http_port, root, asked, own),
            fastapi=fastapi,
            litserve=litserve,
            plain=system(PLAIN, requests.GRPC, plain),
            engine=in_process("in process", None),
            float32=in_process("in process, FP32 ONNX", inputs.graph),
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
        BenchError: Something didn't start, or a measurement failed.
        ServingError: This server didn't start.
    """
    with contestants(settings, options, inputs) as who:
        stages = who.stages(options.clients)
        turns = options.rounds * sum(map(len, stages))
        seconds = options.warm_up_s + options.seconds + OVERHEAD_SECONDS
        tell(
            f"{turns} measurements of {options.seconds:g} s, about {turns * seconds / 60:.0f} min. "
            "Leave the machine alone meanwhile."
        )
        return who, measure(stages, options.rounds, tell)
