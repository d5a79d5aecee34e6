"""The whole pipeline, run as a user runs it, once for all tests of this folder."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from catalog.demo import write_demo
from serving.control import start, stop
from serving.temporary import free_ports
from settings import ServingSettings, Settings, load_settings
from settings.render import render_settings

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Pipeline:
    """A build directory with its configuration file."""

    config: Path
    settings: Settings

    @property
    def build(self) -> Path:
        """Where the stages write."""
        return self.settings.build_dir

    @property
    def http(self) -> str:
        """`host:port` of the HTTP endpoint."""
        return f"127.0.0.1:{self.settings.serving.http_port}"

    @property
    def grpc(self) -> str:
        """`host:port` of the gRPC endpoint."""
        return f"127.0.0.1:{self.settings.serving.grpc_port}"

    def run(self, module: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs one stage's command line to its end."""
        command = [sys.executable, "-m", module, *arguments, "--config", str(self.config)]
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        assert not check or done.returncode == 0, f"{module} ended with {done.returncode}:\n{done.stderr[-4000:]}"
        return done

    def metrics(self) -> dict[str, Any]:
        """What the checkpoint's metrics.json says."""
        found: dict[str, Any] = json.loads((self.build / "checkpoint" / "metrics.json").read_text(encoding="utf-8"))
        return found

    def manifest(self) -> dict[str, Any]:
        """What the current release's manifest.json says."""
        path = self.build / "releases" / "current" / "manifest.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def environment() -> dict[str, str]:
    """No hub is asked for anything."""
    return {**os.environ, "HF_HUB_OFFLINE": "1"}


def make_pipeline(directory: Path, overrides: Mapping[str, Any]) -> Pipeline:
    """Settings for a build of its own on free ports, written to the file that the stages are given."""
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), free_ports(3), strict=True))
    pairs = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    settings = load_settings(ROOT / "tagger.yaml", [f"build_dir={directory / 'build'}", *pairs])
    serving = ServingSettings.model_validate({**settings.serving.model_dump(), **ports})
    settings = settings.model_copy(update={"serving": serving})
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "tagger.yaml"
    config.write_text(render_settings(settings), encoding="utf-8")
    return Pipeline(config, settings)


def take_rows(source: Path, target: Path, rows: int) -> None:
    """Writes the first lines of a catalogue file, which may be gzipped, to another."""
    with (gzip.open if source.suffix == ".gz" else open)(source, "rb") as lines:
        target.write_bytes(b"".join(islice(lines, rows)))


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The built-in catalogue, trained for a short while and exported."""
    directory = tmp_path_factory.mktemp("e2e")
    write_demo(directory / "whole")
    for part, rows in (("train", 2000), ("validation", 600), ("test", 900)):
        take_rows(directory / "whole" / f"demo.{part}.jsonl", directory / f"demo.{part}.jsonl", rows)
    (directory / "whole" / "demo.taxonomy.yaml").rename(directory / "demo.taxonomy.yaml")
    made = make_pipeline(
        directory,
        {
            "catalog.path": str(directory / "demo"),
            # Some 120 small steps of the whole base, at rates for so few: enough to tell the categories apart, and to
            # pass the parity gate.
            "training.base_layers": "all",
            "training.epochs": 1,
            "training.batch_size": 16,
            "training.min_steps": 0,
            "training.learning_rate": 2e-4,
            "training.head_learning_rate": 4e-3,
            "training.dropout": 0.0,
            "training.token_dropout": 0.0,
            "training.baseline": False,
            "export.parity_products": 500,
        },
    )
    made.run("catalog", "prepare")
    made.run("training")
    made.run("export")
    return made


@pytest.fixture(scope="session")
def served(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The same, served by the real Triton; nobody may stop it."""
    try:
        start(pipeline.settings)
        yield pipeline
    finally:
        stop(pipeline.settings)
