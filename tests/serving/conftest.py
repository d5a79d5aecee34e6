"""Servers that run the small release."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton

from serving.control import start, stop
from serving.temporary import free_ports
from settings import GatewaySettings, ServingSettings, Settings
from tests.small_release import build_release, make_current, seal


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


FIRST_LINE = "        texts, places = read_requests(tensors)\n"
"""What the classifier does first with a batch."""
PlaceMaker = Callable[..., Place]


def make_place(directory: Path, *, gateway: bool = False, **serving: object) -> Place:
    """Settings with one release, `current`, and free ports; with a gateway on them or with Triton itself."""
    releases = directory / "releases"
    build_release(releases, "20260101T000000Z-cpu-aaaaaaaa")
    make_current(releases, "20260101T000000Z-cpu-aaaaaaaa")
    http, grpc, metrics = free_ports(3)
    values = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics, "instances": 2, "threads": 1, **serving}
    return Place(
        Settings(
            build_dir=directory,
            serving=ServingSettings.model_validate(values),
            gateway=GatewaySettings(enabled=gateway, keys_file=directory / "keys.json"),
        )
    )


def before_each_batch(place: Place, statement: str, more: str = "") -> None:
    """Has the classifier of the release do something first for each batch; `more` stands at the end of its source."""
    (model,) = place.releases.glob("2*/model_repository/classifier/1/model.py")
    source = model.read_text(encoding="utf-8")
    assert source.count(FIRST_LINE) == 1
    model.write_text(source.replace(FIRST_LINE, f"        {statement}\n{FIRST_LINE}") + more, encoding="utf-8")
    seal(model.parents[3])


@contextmanager
def running(place: Place) -> Iterator[Place]:
    """A server of the place while the block runs."""
    try:
        start(place.settings)
        yield place
    finally:
        stop(place.settings)


def ask(place: Place, model: str, *texts: bytes) -> triton.InferResult:
    """The answer of plain tritonclient to one request."""
    tensor = triton.InferInput("TEXT", [len(texts), 1], "BYTES")
    tensor.set_data_from_numpy(np.array([[text] for text in texts], dtype=object))
    with triton.InferenceServerClient(place.grpc) as client:
        return client.infer(model, [tensor])


def metric(place: Place, name: str, model: str) -> float:
    """One of Triton's metrics for a model, summed over its other labels; 0 while it isn't counted."""
    url = f"http://127.0.0.1:{place.settings.serving.metrics_port}/metrics"
    text = urllib.request.urlopen(url, timeout=10).read().decode()
    return sum(map(float, re.findall(rf'^{name}{{model="{model}"[^}}]*}} (\S+)$', text, re.MULTILINE)))


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
    with running(make_place(tmp_path_factory.mktemp("shared") / "build", max_batch_size=8)) as made:
        yield made
