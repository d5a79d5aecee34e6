"""What every command does where the disk is full, the build directory can't be used, or Ctrl-C comes: it says so."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from serving.processes import wait_until
from serving.temporary import free_ports
from steps import INTERRUPTED
from tests.small_release import build_release, make_current

ROOT = Path(__file__).parents[1]
ROOM = 20_000
"""Bytes that a file may have on the "full" disk."""


def rows(count: int) -> str:
    """A catalogue of so many products."""
    products = (
        {"id": f"sku-{number}", "title": f"leather boots {number * 7919 % 99991}", "category": "shoes"}
        for number in range(count)
    )
    return "".join(json.dumps(product) + "\n" for product in products)


def start(command: Sequence[str], room: int | None = None) -> subprocess.Popen[str]:
    """A command as a process; files may grow to `room` bytes only."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room or resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


def told(process: subprocess.Popen[str]) -> str:
    """What a command that has to fail says on standard error."""
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    return said


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    """Options of a stage: a catalogue of 20,000 products and a build directory of the test's own."""
    (tmp_path / "shop.jsonl").write_text(rows(20_000), encoding="utf-8")
    pairs = (f"catalog.path={tmp_path / 'shop.jsonl'}", f"build_dir={tmp_path / 'build'}")
    return [word for pair in pairs for word in ("--set", pair)]


@pytest.fixture
def server(tmp_path: Path) -> list[str]:
    """Options of a server: a small release in a build directory of the test's own, and free ports."""
    releases = tmp_path / "build" / "releases"
    build_release(releases, "20260101T000000Z-cpu-aaaaaaaa")
    make_current(releases, "20260101T000000Z-cpu-aaaaaaaa")
    names = ("http_port", "grpc_port", "metrics_port")
    pairs = [f"serving.{name}={port}" for name, port in zip(names, free_ports(3), strict=True)]
    return [word for pair in (f"build_dir={tmp_path / 'build'}", *pairs) for word in ("--set", pair)]


def test_a_full_disk_is_a_sentence_and_nothing_is_left_behind(settings: list[str], tmp_path: Path) -> None:
    assert "is full" in told(start(["catalog", "prepare", *settings], ROOM))
    assert {path.name for path in (tmp_path / "build").iterdir()} == {".catalog.lock"}
    assert "is full" in told(start(["catalog", "demo", "--out", str(tmp_path / "demo")], ROOM))
    assert not list((tmp_path / "demo").iterdir())


@pytest.mark.parametrize("command", [["serving", "run"], ["serving", "start"], ["demo"]], ids=" ".join)
def test_a_full_disk_under_a_server_is_a_sentence(command: list[str], server: list[str]) -> None:
    assert "is full" in told(start([*command, *server], 100))


@pytest.mark.parametrize("command", [["catalog", "check"], ["settings"]], ids=" ".join)
def test_a_full_disk_under_what_is_printed_is_a_sentence(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_text(rows(100), encoding="utf-8")
    arguments = [str(tmp_path / "shop.jsonl")] if command[-1] == "check" else []
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", *command, *arguments],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "is full" in done.stderr and "Exception" not in done.stderr


def test_a_build_directory_that_can_not_be_made_is_a_sentence(settings: list[str], tmp_path: Path) -> None:
    (tmp_path / "build").touch()
    assert f"{tmp_path / 'build'} can't be used: " in told(start(["catalog", "prepare", *settings]))
    assert "can't be used: " in told(start(["catalog", "demo", "--out", str(tmp_path / "build")]))
    for command in (["serving", "run"], ["serving", "start"], ["demo"]):
        assert "can't be used: " in told(start([*command, *settings]))


def test_ctrl_c_is_told_and_nothing_is_left_behind(settings: list[str], tmp_path: Path) -> None:
    process = start(["catalog", "prepare", *settings])
    assert process.stderr is not None and "is made, because" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (INTERRUPTED, "\nStopped; nothing was written.\n")
    assert {path.name for path in tmp_path.glob("build/*")} <= {".catalog.lock"}


def test_ctrl_c_while_a_server_starts_leaves_none_behind(server: list[str], tmp_path: Path) -> None:
    process = start(["serving", "start", *server])
    assert wait_until(lambda: any(tmp_path.glob("build/serving/*/state.json")), 60)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (INTERRUPTED, "\nInterrupted.\n")
    assert not list(tmp_path.glob("build/serving/*/state.json"))
