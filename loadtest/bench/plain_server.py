"""The plain Triton ensemble: the repository in plain_triton/, filled from the checkpoint, on the same Triton."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from export.checkpoint import Checkpoint
from loadtest.bench.servers import Started, group_of, wait_until_ready
from serving.command import server_command, server_environment
from serving.health import Endpoint
from serving.temporary import free_ports
from serving.triton import find_triton
from settings import ServingSettings

NAME = "plain Triton"
PATIENCE = "--backend-config=python,stub-timeout-seconds=120"
SOURCES = Path(__file__).resolve().parent / "plain_triton"


def fill_repository(checkpoint: Checkpoint, graph: Path, target: Path) -> None:
    """Writes the model repository.

    Args:
        checkpoint: Where the tokenizer and the labels come from.
        graph: The FP32 ONNX graph.
        target: The folder to write; what it held is replaced.
    """
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(SOURCES, target, ignore=shutil.ignore_patterns("__pycache__", ".gitkeep"))
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


@contextlib.contextmanager
def plain_triton(checkpoint: Checkpoint, graph: Path, folder: Path) -> Iterator[tuple[Started, Endpoint]]:
    """The ensemble served while the block runs.

    Args:
        checkpoint: See `fill_repository`.
        graph: See `fill_repository`.
        folder: Where the repository and the server's log go.

    Yields:
        The server, asked over gRPC, and its HTTP side.

    Raises:
        BenchError: It doesn't start; its log tells why.
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
        # Its tokenizer comes with a large library, whose import takes longer than Triton waits where the disk is slow.
        command = [*server_command(triton, repository, settings, prefix), PATIENCE]
        with group_of(command, server_environment(triton), log) as process:
            wait_until_ready(NAME, process, lambda: endpoint.ready() and endpoint.tag() is None, log)
            yield Started(process.pid, process.pid, grpc), endpoint
    finally:
        for region in Path("/dev/shm").glob(f"{prefix}*"):
            region.unlink(missing_ok=True)
