"""The whole benchmark on a small checkpoint: it runs, counts, judges and writes; speed is not tested."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from loadtest.bench import run
from loadtest.bench.__main__ import main
from loadtest.bench.servers import Peer
from serving.processes import wait_until
from serving.releases import current_release
from serving.state import running_servers
from serving.temporary import free_ports

pytestmark = pytest.mark.timeout(900)  # four servers start, and import large libraries, on whatever cores there are
ROOT = Path(__file__).parents[3]
SERVERS = ("this server, gRPC", "this server, HTTP", "plain Triton", "LitServe", "FastAPI + pipeline")


def arguments(build: Path) -> list[str]:
    """The command line for a build directory."""
    http, grpc, metrics = free_ports(3)
    pairs = [
        f"build_dir={build}", "serving.instances=1", f"serving.http_port={http}", f"serving.grpc_port={grpc}",
        f"serving.metrics_port={metrics}",
    ]  # fmt: skip
    words = [word for pair in pairs for word in ("--set", pair)]
    return [*words, "--seconds", "1", "--warm-up-s", "0.1", "--rounds", "1", "--clients", "1"]


def processes_of(build: Path) -> list[str]:
    """Command lines of what runs on a build directory's files."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if str(build) in line and int(path.name) != os.getpid():
            found.append(line)
    return found


def test_all_is_measured_judged_and_reported_and_nothing_is_left_running(
    build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(build)) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    found = json.loads((build / "reports" / "bench.json").read_text())
    assert found["release"] == current_release(build / "releases").id and found["texts"]["different"] == 40
    assert found["packages"]["litserve"] and found["machine"]["cores"]
    cores = len(os.sched_getaffinity(0))
    measured = [(one["server"], one["clients"], one["texts_a_request"]) for one in found["results"]]
    assert measured == [
        *((name, clients, 1) for clients in (1, 32) for name in SERVERS),
        (SERVERS[0], 256, 1), (SERVERS[0], 4, 64), ("in process", 1, 1), ("in process", cores, 16),
        ("in process, FP32 ONNX", cores, 16),
    ]  # fmt: skip
    for one in found["results"]:
        assert one["errors"] == 0, one
        assert one["texts_per_second"]["median"] > 0 and 0 < one["p50_ms"]["median"] <= one["p99_ms"]["median"]
        assert one["rss_mib"]["median"] > one["pss_mib"]["median"] > 0
    assert len(found["figures"]) == 9
    for figure in found["figures"]:
        assert len(figure["rounds"]) == 1 and figure["figure"] in printed
    assert (build / "reports" / "bench.png").exists()
    assert running_servers(build) == [] and processes_of(build) == [] and not (build / "bench").exists()


@contextmanager
def measuring(build: Path) -> Iterator[subprocess.Popen[str]]:
    """The benchmark as a process of its own, as soon as it measures."""
    command = [sys.executable, "-m", "loadtest.bench", *arguments(build)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as benchmark:
        assert benchmark.stdout is not None
        for line in benchmark.stdout:
            if line.startswith("round"):
                break
        yield benchmark


def test_ctrl_c_ends_everything_in_order(build: Path) -> None:
    with measuring(build) as benchmark:
        os.killpg(benchmark.pid, signal.SIGINT)
        _, told = benchmark.communicate()
    assert benchmark.returncode == 130 and told.endswith("Stopped; nothing was written.\n")
    assert processes_of(build) == [] and running_servers(build) == []
    assert not (build / "reports" / "bench.json").exists()


def test_a_benchmark_that_is_killed_leaves_no_server_behind(build: Path) -> None:
    with measuring(build) as benchmark:
        assert processes_of(build)
        benchmark.kill()
    assert wait_until(lambda: processes_of(build) == [], 120)


def told(build: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The error of a benchmark that can't begin."""
    assert main(arguments(build)) == 1
    return capsys.readouterr().err


def test_a_release_of_another_checkpoint_is_refused(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thresholds = build / "checkpoint" / "thresholds.json"
    thresholds.write_text(thresholds.read_text() + "\n")
    release = current_release(build / "releases").id
    assert f"The release {release} was made of another checkpoint than {build}" in told(build, capsys)


def test_without_a_checkpoint_the_way_to_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = told(tmp_path, capsys)
    assert "There is no checkpoint in" in error and "make train" in error


def test_without_the_fp32_graph_the_way_to_it_is_told(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (build / "onnx" / "model.onnx").unlink()
    assert f"The FP32 graph of the checkpoint is missing from {build / 'onnx'}: `make export FORCE=1`" in told(
        build, capsys
    )


def test_without_a_text_there_is_nothing_to_ask(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (build / "catalog" / "test.jsonl").write_text("")
    assert "has no product with a text: there is nothing to send" in told(build, capsys)


def test_a_server_that_is_not_installed_is_an_error_and_is_not_left_out(
    build: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LITSERVE", Peer("LitServe", "no_such", "loadtest.bench.litserve_server", "/health"))
    assert "LitServe can't be measured: the package no_such is missing. Run `make setup`" in told(build, capsys)
