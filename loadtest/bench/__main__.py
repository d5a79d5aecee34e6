"""`make bench`: Triton (gRPC and HTTP) beside FastAPI + uvicorn + transformers pipeline, on the same checkpoint."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import random
import signal
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import catalog.prepared
from catalog.prepared import PreparedCatalogError
from export.digests import directory_digest
from loadtest.bench.measure import SOURCES, BenchError, Series, System, measure
from loadtest.bench.report import as_json, plot, table, write_json
from loadtest.reports import conditions
from serving.errors import ServingError
from serving.processes import end_process, spawn_dependent
from serving.releases import current_release
from serving.temporary import free_ports, temporary_server
from settings import Settings, SettingsError, add_settings_options, load_settings

PEER = "FastAPI + pipeline"
TEXTS = 2000
PEER_START_SECONDS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description=__doc__)
    add_settings_options(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(load_settings(options.config, options.set))
    except KeyboardInterrupt:
        print("\nStopped; nothing was written.", file=sys.stderr)
        return 130
    except (BenchError, PreparedCatalogError, ServingError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, former)
    return 0


def _run(settings: Settings) -> None:
    checkpoint = settings.build_dir / "checkpoint"
    manifest = _manifest(settings, checkpoint)
    texts = _texts(settings.build_dir / "catalog")
    bench = settings.bench
    reports = settings.build_dir / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    turns = bench.rounds * len(bench.clients) * 3
    print(
        f"{turns} measurements of {bench.seconds:g} s, about {turns * (bench.seconds + 3) / 60:.0f} min. "
        "Leave the machine alone meanwhile."
    )
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(temporary_server(settings))
        assert state.server is not None
        peer, port = stack.enter_context(_peer(checkpoint, int(manifest["max_length"]), reports / "bench-peer.log"))
        systems = (
            System("Triton gRPC", "triton-grpc", state.grpc_port, state.server.pid),
            System("Triton HTTP", "triton-http", state.http_port, state.server.pid),
            System(PEER, "peer-http", port, peer),
        )
        series = measure(
            systems, texts, bench.clients, bench.seconds, bench.rounds, lambda line: print(line, flush=True)
        )
    series = sorted(series, key=lambda one: one.clients)
    facts = _facts(settings, manifest, texts)
    content = as_json(series, PEER, facts)
    write_json(reports / "bench.json", content)
    machine = facts["machine"]
    plot(
        reports / "bench.png",
        series,
        f"{machine['cores']} cores, load generator included ({machine['processor']}); "
        f"{facts['texts']['mean_characters']:.0f} characters a text; medians of {bench.rounds} rounds",
    )
    print()
    for line in table(series):
        print(line)
    print()
    for line in _verdict(series, content):
        print(line)
    print(f"Written: {reports / 'bench.json'}, {reports / 'bench.png'}")


def _verdict(series: Sequence[Series], content: dict[str, Any]) -> Iterator[str]:
    for system, by_clients in content["times_the_peers_throughput"].items():
        told = ", ".join(f"{factor:.1f} times at {clients}" for clients, factor in by_clients.items())
        yield f"{system}: {told} clients what {PEER} answers."
    for one in series:
        if one.errors:
            first = next(turn.first_error for turn in one.rounds if turn.errors)
            yield f"{one.system}, {one.clients} clients: {one.errors} requests unanswered; the first got: {first}"


def _manifest(settings: Settings, checkpoint: Path) -> dict[str, Any]:
    """The served release's manifest, made sure to be of this checkpoint."""
    if not (checkpoint / "config.json").is_file():
        raise BenchError(f"There is no checkpoint in {checkpoint}. Make one: `make train`.")
    release = current_release(settings.build_dir / "releases")
    if release.manifest.get("checkpoint_digest") != directory_digest(checkpoint):
        raise BenchError(f"The release {release.id} was made of another checkpoint than {checkpoint}: `make export`.")
    return release.manifest


def _texts(directory: Path) -> list[str]:
    texts = [example.text for example in catalog.prepared.read_split(directory, "test")]
    if not texts:
        raise BenchError(f"The test part in {directory} is empty: there is nothing to ask about.")
    random.Random(13).shuffle(texts)
    return texts[:TEXTS]


@contextlib.contextmanager
def _peer(checkpoint: Path, max_length: int, log: Path) -> Iterator[tuple[int, int]]:
    """The peer while the block runs: its process and its port."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "loadtest.bench.peer", "--checkpoint", str(checkpoint)]
    command += ["--max-length", str(max_length), "--port", str(port)]
    with log.open("wb") as stream:
        process = spawn_dependent(command, {**os.environ, "PYTHONPATH": str(SOURCES)}, stream)
    try:
        end = time.monotonic() + PEER_START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise BenchError(f"{PEER} did not start; its log: {log}")
            time.sleep(0.2)
        yield process.pid, port
    finally:
        end_process(process)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _facts(settings: Settings, manifest: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    packages = ("torch", "transformers", "fastapi", "uvicorn", "onnxruntime", "nvidia-pytriton", "tritonclient")
    facts = conditions(packages)
    facts["machine"]["load_generator"] = "on the same cores, a process of its own"
    return {
        **facts,
        "release": manifest["id"],
        "texts": {"different": len(texts), "mean_characters": round(statistics.fmean(map(len, texts)), 1)},
        "settings": {
            "bench": settings.bench.model_dump(mode="json"),
            "serving": settings.serving.model_dump(mode="json"),
        },
    }


if __name__ == "__main__":
    sys.exit(main())
