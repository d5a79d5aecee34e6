"""A build directory with a release and a prepared catalogue, for load tests on the real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from serving.control import start, stop
from serving.temporary import free_ports
from settings import load_settings
from tests.small_release import build_release, make_current

SOURCES = Path(__file__).parents[2]
RELEASE = "20260101T000000Z-cpu-aaaaaaaa"


@dataclass(frozen=True)
class Workplace:
    """A build directory, and ports for its server."""

    build: Path
    pairs: tuple[str, ...]

    def arguments(self, *more: str) -> list[str]:
        """The command line of a stage, with options of the test's own."""
        return [*(word for pair in self.pairs for word in ("--set", pair)), *more]


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    """A place of the test's own."""
    with _made(tmp_path / "build") as made:
        yield made


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A place whose server runs; nobody may stop it."""
    with _made(tmp_path_factory.mktemp("running") / "build") as made:
        start(load_settings(overrides=made.pairs))
        yield made


@contextmanager
def _made(build: Path) -> Iterator[Workplace]:
    """A place with one release and twenty texts; a server that runs at the end is stopped."""
    build_release(build / "releases", RELEASE)
    make_current(build / "releases", RELEASE)
    (build / "catalog").mkdir()
    texts = [f"summer dress {number}" + " and more" * (number % 5) for number in range(20)]
    rows = [
        {"id": str(number), "lang": "en", "text": text, "category": "apparel", "tags": [], "weight": 1}
        for number, text in enumerate(texts)
    ]
    (build / "catalog" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    http, grpc, metrics = free_ports(3)
    pairs = (
        f"build_dir={build}", "serving.instances=1", "serving.threads=1",
        f"serving.http_port={http}", f"serving.grpc_port={grpc}", f"serving.metrics_port={metrics}",
    )  # fmt: skip
    try:
        yield Workplace(build, pairs)
    finally:
        stop(load_settings(overrides=pairs))


@contextmanager
def command(module: str, arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A command as a process and a session of its own; what it says goes into pipes."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=SOURCES,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], words: str) -> None:
    """Reads what it says until these words come."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if words in line:
            return
    raise AssertionError("".join(said))
