"""Servers that run the small release."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from serving.control import start, stop
from serving.temporary import free_ports
from settings import ServingSettings, Settings
from tests.small_release import build_release, make_current


@dataclass(frozen=True)
class Place:
    """A build directory with releases, and settings for a server of its own on free ports."""

    settings: Settings

    @property
    def releases(self) -> Path:
        """Where the releases lie."""
        return self.settings.build_dir / "releases"

    @property
    def http(self) -> str:
        """`host:port` of the HTTP endpoint."""
        return f"127.0.0.1:{self.settings.serving.http_port}"

    @property
    def grpc(self) -> str:
        """`host:port` of the gRPC endpoint."""
        return f"127.0.0.1:{self.settings.serving.grpc_port}"


PlaceMaker = Callable[..., Place]


def make_place(directory: Path, **serving: object) -> Place:
    """Settings with one release, `current`, and free ports."""
    releases = directory / "releases"
    build_release(releases, "20260101T000000Z-cpu-aaaaaaaa")
    make_current(releases, "20260101T000000Z-cpu-aaaaaaaa")
    http, grpc, metrics = free_ports(3)
    values = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics, "instances": 1, "threads": 1, **serving}
    return Place(Settings(build_dir=directory, serving=ServingSettings.model_validate(values)))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """One test's own place; its server is stopped at the end, whatever happened."""
    made = make_place(tmp_path / "build")
    try:
        yield made
    finally:
        stop(made.settings)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running server that all tests share; nobody may stop it."""
    made = make_place(tmp_path_factory.mktemp("shared") / "build", max_batch_size=8)
    try:
        start(made.settings)
        yield made
    finally:
        stop(made.settings)
