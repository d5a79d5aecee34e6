"""A fresh checkout in which the pages' examples run, and the shop of the tutorial served from it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from serving.temporary import free_ports
from settings import ServingSettings, load_settings
from settings.render import render_settings
from tests.docs.pages import ROOT, Block, blocks_of

PORTS = ("http_port", "grpc_port", "metrics_port")
LEFT_BEHIND = shutil.ignore_patterns(".*", "build", "__pycache__", "*.egg-info", "tests")
FEW_STEPS = "training: {epochs: 1, min_steps: 20}"
"""What the tests add to the tutorial's shop.yaml, beside free ports, so that its training takes seconds."""


@dataclass(frozen=True)
class Checkout:
    """A copy of the project's files with a build directory of its own.

    Attributes:
        root: Where it is; examples run in it.
        ports: HTTP, gRPC and metrics.
        environment: Variables that examples run with.
    """

    root: Path
    ports: tuple[int, int, int]
    environment: dict[str, str]

    def run(self, block: Block) -> str:
        """Runs one block as it is written, but for the ports; returns what it prints.

        Raises:
            AssertionError: It ends with another exit status than 0.
        """
        command = ["bash", "-euo", "pipefail", "-c"] if block.language == "bash" else [sys.executable, "-c"]
        return self.call([*command, self.here(block.code)], block.place)

    def call(self, command: list[str], place: str) -> str:
        """Runs a command to its end."""
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{place} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def here(self, code: str) -> str:
        """An example with this checkout's addresses in place of the default ones."""
        return code.replace("127.0.0.1:8000", f"127.0.0.1:{self.ports[0]}").replace(
            "127.0.0.1:8001", f"127.0.0.1:{self.ports[1]}"
        )

    @property
    def answers(self) -> bool:
        """Whether a server listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[0])) == 0


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A copy of the files with the environment that the tests run in as its .venv; no hub is asked for anything."""
    root = tmp_path_factory.mktemp("docs") / "product-tagger"
    shutil.copytree(ROOT, root, ignore=LEFT_BEHIND)
    first, second, third = free_ports(3)
    ports = (first, second, third)
    settings = load_settings(root / "tagger.yaml")
    serving = ServingSettings.model_validate({**settings.serving.model_dump(), **dict(zip(PORTS, ports, strict=True))})
    (root / "tagger.yaml").write_text(render_settings(settings.model_copy(update={"serving": serving})), "utf-8")
    venv = root / ".venv"
    venv.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != ".complete":
            (venv / entry.name).symlink_to(entry)
    (venv / ".complete").touch()
    (root / "products.csv").write_text("sku,product_name\n1,cotton dress\n", "utf-8")
    (root / "products.jsonl").write_text('{"title": "cotton dress"}\n', "utf-8")
    path = os.pathsep.join([str(venv / "bin"), os.environ["PATH"]])
    own = {"PATH": path, "PYTHONPATH": str(root / "client"), "TAGGER_URL": f"grpc://127.0.0.1:{ports[1]}"}
    made = Checkout(root, ports, {**os.environ, "HF_HUB_OFFLINE": "1", **own})
    yield made
    if made.answers:
        made.call([sys.executable, "-m", "serving", "stop"], "the end of the tests")


@pytest.fixture(scope="session")
def tutorial(checkout: Checkout) -> dict[str, str]:
    """The tutorial from its first line to its last; what each block printed, by its first line."""
    printed = {}
    for block in blocks_of(ROOT / "docs" / "tutorial.md"):
        if block.language == "bash" and block.not_run is None:
            printed[block.code.splitlines()[0]] = checkout.run(block)
            if "> shop.yaml" in block.code:
                ports = ", ".join(f"{name}: {port}" for name, port in zip(PORTS, checkout.ports, strict=True))
                with (checkout.root / "shop.yaml").open("a", encoding="utf-8") as stream:
                    stream.write(f"{FEW_STEPS}\nserving: {{{ports}}}\n")
    return printed


@pytest.fixture
def served(checkout: Checkout, tutorial: dict[str, str]) -> Iterator[Checkout]:
    """The checkout after the tutorial, with its current release served; what a page writes there goes with it."""
    if not checkout.answers:
        checkout.call([sys.executable, "-m", "serving", "start"], "the start of the server")
    before = set(checkout.root.iterdir())
    yield checkout
    for path in set(checkout.root.iterdir()) - before:
        path.unlink()
