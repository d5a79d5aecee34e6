"""A real Triton server with small stand-in models, shared by the client's tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from serving.command import server_environment
from serving.temporary import free_ports
from serving.triton import find_triton

REPOSITORY = Path(__file__).parent / "stub_repository"


@dataclass
class Triton:
    """A tritonserver process of the tests' own."""

    directory: Path
    http_port: int = 0
    grpc_port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def grpc(self) -> str:
        """The address for gRPC."""
        return f"grpc://127.0.0.1:{self.grpc_port}"

    @property
    def http(self) -> str:
        """The address for HTTP."""
        return f"http://127.0.0.1:{self.http_port}"

    def start(self) -> Triton:
        """Starts the server unless it runs, and returns when it is ready; a later start uses the same ports."""
        if self.process is not None:
            return self
        installed = find_triton()
        if not self.http_port:
            self.http_port, self.grpc_port = free_ports(2)
        environment = server_environment(installed)
        command = [
            str(installed.executable), "--model-repository", str(REPOSITORY),
            "--backend-directory", str(installed.backends),
            "--http-address", "127.0.0.1", "--grpc-address", "127.0.0.1",
            "--http-port", str(self.http_port), "--grpc-port", str(self.grpc_port), "--allow-metrics", "false",
            "--backend-config", f"python,shm-region-prefix-name=client{self.http_port}-",
        ]  # fmt: skip
        with (self.directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Polls the readiness address until it answers, or fails with the end of the server's log."""
        assert self.process is not None
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.http}/v2/health/ready", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        log = (self.directory / "server.log").read_text(errors="replace")
        self.kill()
        raise AssertionError(f"tritonserver did not get ready:\n{log[-3000:]}")

    def kill(self) -> None:
        """Ends the server and its stubs at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            # A server that is killed leaves its shared memory behind.
            for region in Path("/dev/shm").glob(f"client{self.http_port}-*"):
                region.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """The server all tests share; nobody may stop it."""
    server = Triton(tmp_path_factory.mktemp("server"))
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="session")
def mortal_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """Another server, for tests that kill it; each begins with `start()`."""
    server = Triton(tmp_path_factory.mktemp("mortal"))
    try:
        yield server
    finally:
        server.kill()
