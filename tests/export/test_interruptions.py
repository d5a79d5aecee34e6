"""Exports that are killed, or find the disk full: real processes, on a small checkpoint."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from export.errors import Incomplete
from export.pipeline import export
from serving.releases import current_release, list_releases
from tests.export.conftest import Place

ROOT = Path(__file__).parents[2]
STOP_AT = """
import signal, sys
import {module} as module
def stop(*arguments, **named):
    print("stopped", flush=True)
    signal.pause()
{place} = stop
from export.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""A program that exports as the command does and waits for ever where `place` is called."""
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from export.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""A program that exports as the command does and may write no larger file: for it, the disk is full there."""
PLACES = [
    ("export.onnx_graph", "module.check_graph"),  # the float32 graph is written, its folder not yet in place
    ("export.engines.int8_graph", "module.fuse_attention"),
    ("export.gate", "module.compare"),
    ("export.release", "module.fill_outputs"),  # the release is half assembled
    ("serving.releases", "module.switch_current"),  # it is in its place, and not yet current
]


@contextmanager
def running(program: str, place: Place, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program in a process of its own, which is dead at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--set", f"build_dir={place.build}", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kill_at(module: str, function: str, place: Place, *arguments: str) -> None:
    """Start an export and kill it when it calls a function."""
    with running(STOP_AT.format(module=module, place=function), place, *arguments) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "stopped\n", process.stderr.read()
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("module", "function"), PLACES)
def test_a_killed_export_leaves_nothing_half_made_and_the_next_one_ends_well(
    place_with_graph: Place, module: str, function: str
) -> None:
    place = place_with_graph
    if module == "export.onnx_graph":
        shutil.rmtree(place.build / "onnx")
    kill_at(module, function, place)
    half_made = {path.name for path in place.releases.iterdir()} if place.releases.exists() else set()
    assert half_made == {release.id for release in list_releases(place.releases)} | {
        name for name in half_made if name.startswith(".")
    }
    done = export(place.settings())
    assert done.current == done.release.id == current_release(place.releases).id
    assert len(list_releases(place.releases)) == 1
    assert place.leftovers() == []


@pytest.mark.parametrize(("module", "function"), PLACES[2:4])
def test_a_killed_export_leaves_the_former_release_as_it_was(
    place_with_release: Place, module: str, function: str
) -> None:
    before = place_with_release.files()
    kill_at(module, function, place_with_release, "--force")
    after = {name: data for name, data in place_with_release.files().items() if not name.startswith(".")}
    assert after == before


def test_a_second_export_ends_in_a_sentence_while_the_first_one_runs(place_with_graph: Place) -> None:
    place = place_with_graph
    with running(STOP_AT.format(module="export.gate", place="module.compare"), place) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "stopped\n"
        second = subprocess.run(
            [sys.executable, "-m", "export", "--set", f"build_dir={place.build}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert second.returncode == 1
    assert second.stderr == (
        f"error: Another export is writing to {place.build} right now. Wait until it has ended, then run the same "
        "command again.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [("--force",), ("--set", "export.parity_products=50")],
    ids=["while the float32 graph is written", "while the release is assembled"],
)
def test_a_full_disk_ends_in_a_sentence_and_leaves_the_former_release(
    place_with_release: Place, arguments: tuple[str, ...]
) -> None:
    before = place_with_release.files()
    with running(LIMITED.format(limit=1_000_000), place_with_release, *arguments) as process:
        _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.splitlines()[-1].startswith(f"error: The disk with {place_with_release.build}"), errors
    assert place_with_release.files() == before and place_with_release.leftovers() == []


def test_a_disk_that_is_full_for_the_plan_ends_in_a_sentence_and_leaves_the_current_release(
    place_with_release: Place,
) -> None:
    before = place_with_release.files()
    # The FP16 graph has 2 MB, the plan 7.
    with running(LIMITED.format(limit=5_000_000), place_with_release, "--target", "gpu") as process:
        _, errors = process.communicate()
    assert process.returncode == 1
    assert (place_with_release.build / "engines" / "gpu" / "direct" / "model.onnx").exists()
    assert errors.splitlines()[-1].startswith(f"error: The disk with {place_with_release.build}"), errors
    assert place_with_release.files() == before and place_with_release.leftovers() == []


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("export.engines.float16.graph", "module.convert_direct"),
        ("export.engines.tensorrt", "module.write_emulation"),
        ("export.engines.tensorrt", "module.build_plan"),
    ],
)
def test_a_killed_export_for_gpus_is_cleared_away_by_the_next(
    place_with_release: Place, module: str, function: str
) -> None:
    before = place_with_release.files()
    kill_at(module, function, place_with_release, "--target", "gpu")
    with pytest.raises(Incomplete):
        export(place_with_release.settings(), "gpu")
    assert place_with_release.files() == before and place_with_release.leftovers() == []
