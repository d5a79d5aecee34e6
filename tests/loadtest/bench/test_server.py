"""A server under load, as far as it goes wrong: what goes right is seen in the whole benchmark."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from loadtest.bench.errors import BenchError
from loadtest.bench.measure import Load
from loadtest.bench.server import Asked, System
from serving.temporary import free_ports


@pytest.fixture
def process() -> Iterator[int]:
    """A process that could be a server's."""
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        yield sleeping.pid
        sleeping.kill()


def test_a_server_that_answers_nothing_is_told(process: int) -> None:
    (port,) = free_ports(1)
    system = System("Nobody", "triton-http", port, process, Asked(["text"], 0.0, 0.2))
    with pytest.raises(BenchError, match=r"Nobody answered no request\. \d+ got: Connect"):
        system.run(Load(1))


def test_a_load_generator_that_fails_is_told(process: int, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BenchError, match="the load generator ended before its time"):
        System("Nobody", "triton-http", 1, process, Asked([], 0.0, 0.2)).run(Load(1))
    assert "there are no texts to send" in capfd.readouterr().err
