"""A small checkpoint with all that the export makes of it, and measurements that nobody had to make."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from export.pipeline import export
from loadtest.bench.contestant import Contestant
from loadtest.bench.contestants import Contestants
from loadtest.bench.load import Job
from loadtest.bench.measure import Load, Round, Series
from settings import Settings
from tests.export import conftest as small

POSITIONS = 128
"""The served classifier warms up with longer texts than the export's small checkpoint can read."""


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build directory with a catalogue, a checkpoint, its FP32 graph and a release; nobody may change it."""
    build = tmp_path_factory.mktemp("bench") / "build"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small, "POSITIONS", POSITIONS)
        small.write_catalog(build / "catalog", test=40)
        small.write_checkpoint(build / "checkpoint", small.english_tokenizer())
        export(Settings.model_validate({"build_dir": build}))
    return build


@pytest.fixture
def build(exported: Path, tmp_path: Path) -> Path:
    """The same for a test of its own."""
    shutil.copytree(exported, tmp_path / "build", symlinks=True)
    return tmp_path / "build"


def contestants(cores: int = 2) -> Contestants:
    """All of them by name; none of them runs."""
    names = ("grpc", "http", "fastapi", "litserve", "plain", "engine", "float32")
    return Contestants(**{name: Contestant(name, Job("grpc", [], 0.0, 0.0)) for name in names}, cores=cores)


def one_round(speed: float = 1.0, **columns: float) -> Round:
    """A measurement with some columns of the test's own."""
    values: dict[str, float] = {
        "p50_ms": 1.0, "p99_ms": 2.0, "cpu_ms": 3.0, "generator_cpu_ms": 0.1, "rss_mib": 100.0, "pss_mib": 60.0,
    } | columns  # fmt: skip
    errors = int(values.pop("errors", 0))
    return Round(texts_per_second=speed, errors=errors, first_error="busy" if errors else "", **values)


def series(name: str, load: Load, *speeds: float, **columns: float) -> Series:
    """Rounds with these speeds."""
    return Series(name, load, tuple(one_round(speed, **columns) for speed in speeds))


def complete(who: Contestants, known: Mapping[tuple[str, Load], Series]) -> list[Series]:
    """A series for every turn: the known ones, and for the others two rounds without meaning."""
    turns = [turn for stage in who.stages([8]) for turn in stage]
    return [
        known.get((turn.contestant.name, turn.load)) or series(turn.contestant.name, turn.load, 1.0, 1.0)
        for turn in turns
    ]
