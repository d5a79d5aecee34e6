"""Starts the servers of others, each on a free port, and ends them with the benchmark however that ends."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from export.checkpoint import Checkpoint
from loadtest.bench.contestant import SOURCES
from loadtest.bench.processes import group_of
from loadtest.errors import LoadtestError
from loadtest.target import get
from serving.command import server_command, server_environment
from serving.health import Endpoint
from serving.temporary import free_ports
from serving.triton import find_triton
from settings import ServingSettings

START_SECONDS = 120
PLAIN = "plain Triton"
PLAIN_SOURCES = Path(__file__).resolve().parent / "plain_triton"
PATIENCE = "--backend-config=python,stub-timeout-seconds=120"
"""The plain ensemble's tokenizer comes with a large library, whose import may take longer than Triton waits."""


@dataclass(frozen=True)
class Peer:
    """A service written by hand around the checkpoint.

    Attributes:
        name: What it is called in the report.
        package: What it can't do without.
        module: Its program.
        ready: The path that answers 200 when it is ready.
    """

    name: str
    package: str
    module: str
    ready: str


FASTAPI = Peer("FastAPI + pipeline", "fastapi", "loadtest.bench.fastapi_server", "/ready")
LITSERVE = Peer("LitServe", "litserve", "loadtest.bench.litserve_server", "/health")


@dataclass(frozen=True)
class Started:
    """A server that answers: the process that leads its group, and the port where it is asked."""

    process: int
    port: int


def require(peer: Peer) -> None:
    """Makes sure that a peer can be started, before anything is measured.

    Raises:
        LoadtestError: Its package is missing: nothing is left out without a word.
    """
    if importlib.util.find_spec(peer.package) is None:
        raise LoadtestError(f"{peer.name} can't be measured: the package {peer.package} is missing. Run `make setup`.")


@contextlib.contextmanager
def started(peer: Peer, checkpoint: Path, max_length: int, log: Path) -> Iterator[Started]:
    """A peer while the block runs.

    Args:
        peer: Which one.
        checkpoint: The checkpoint that it loads.
        max_length: Tokens that it reads of a text.
        log: Where its output goes.

    Raises:
        LoadtestError: It doesn't start; its log tells why.
    """
    (port,) = free_ports(1)
    command = [sys.executable, "-m", peer.module, "--checkpoint", str(checkpoint)]
    command += ["--max-length", str(max_length), "--port", str(port)]
    with group_of(command, {**os.environ, "PYTHONPATH": str(SOURCES)}, log) as process:
        _wait_until_ready(peer.name, process, lambda: _answers(port, peer.ready), log)
        yield Started(process.pid, port)


@contextlib.contextmanager
def plain_triton(checkpoint: Checkpoint, graph: Path, folder: Path) -> Iterator[Started]:
    """The plain Triton ensemble, asked over gRPC, while the block runs.

    Args:
        checkpoint: See `fill_repository`.
        graph: See `fill_repository`.
        folder: Where the repository and the server's log go.

    Raises:
        LoadtestError: It doesn't start; its log tells why.
        ServingError: There is no Triton.
    """
    triton = find_triton()
    repository = folder / "plain_triton"
    fill_repository(checkpoint, graph, repository)
    http, grpc, metrics = free_ports(3)
    settings = ServingSettings(http_port=http, grpc_port=grpc, metrics_port=metrics)
    prefix = f"product-tagger-plain-{os.getpid()}-"
    endpoint = Endpoint(settings.address, http)
    log = folder / "plain-triton.log"
    try:
        command = [*server_command(triton, repository, settings, prefix, key=secrets.token_urlsafe()), PATIENCE]
        with group_of(command, server_environment(triton), log) as process:
            _wait_until_ready(PLAIN, process, lambda: endpoint.ready() and endpoint.tag() is None, log)
            yield Started(process.pid, grpc)
    finally:
        for region in Path("/dev/shm").glob(f"{prefix}*"):
            region.unlink(missing_ok=True)


def fill_repository(checkpoint: Checkpoint, graph: Path, target: Path) -> None:
    """Writes the plain ensemble's model repository: the sources in plain_triton/, filled from the checkpoint.

    Args:
        checkpoint: Where the tokenizer and the labels come from.
        graph: The FP32 ONNX graph.
        target: The folder to write; what it held is replaced.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(PLAIN_SOURCES, target, ignore=shutil.ignore_patterns("__pycache__", ".gitkeep"))
    (target / "product_tagger" / "1").mkdir(exist_ok=True)  # Triton wants a version's folder, also an ensemble's
    tokenizer = target / "tokenizer" / "1"
    (tokenizer / "checkpoint").symlink_to(checkpoint.path.resolve())
    (tokenizer / "settings.json").write_text(json.dumps({"max_length": checkpoint.max_length}), encoding="utf-8")
    (target / "classifier" / "1" / "model.onnx").symlink_to(graph.resolve())
    labels = {
        "categories": list(checkpoint.taxonomy.category_ids),
        "tags": [[tag, checkpoint.thresholds[tag]] for tag in checkpoint.taxonomy.tag_ids],
    }
    (target / "labels" / "1" / "labels.json").write_text(json.dumps(labels), encoding="utf-8")


def _wait_until_ready(name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise LoadtestError(f"{name} did not start; its log: {log}")
        time.sleep(0.2)


def _answers(port: int, path: str) -> bool:
    with contextlib.suppress(LoadtestError):
        get("127.0.0.1", port, path)
        return True
    return False
