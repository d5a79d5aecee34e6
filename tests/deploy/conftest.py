"""A machine with a docker and an nvidia-smi that only write down what they are asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.image import SOURCE_LABEL, source_digest
from serving.temporary import free_ports
from tests.small_release import SOURCES, build_release, make_current

GPU = "NVIDIA A10, 8.6, 580.95.05, 23028, 22500"
INFO: dict[str, object] = {"Runtimes": {"runc": {}, "nvidia": {}}}


@dataclass
class Machine:
    """Folders and programs; nothing of the real machine's but the system's own programs is in PATH.

    Attributes:
        root: Where all of it lies; the current folder of what runs.
        programs: Name → shell script, after `#!/bin/sh`.
        settings: Overrides of the settings.
    """

    root: Path
    programs: dict[str, str] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)

    def with_gpu(self) -> Machine:
        """A GPU with its driver."""
        self.programs["nvidia-smi"] = f"echo '{GPU}'"
        return self

    def with_docker(
        self, info: dict[str, object] | None = None, run: str = "exit 0", labels: dict[str, str] | None = None
    ) -> Machine:
        """An engine.

        Args:
            info: What `docker info` tells; None for one with NVIDIA's runtime.
            run: What `docker run` and `docker build` do, after they have written their arguments to `record`.
            labels: Those of the image; None for one of this very checkout.
        """
        told = json.dumps(INFO if info is None else info)
        found = json.dumps({SOURCE_LABEL: source_digest()} if labels is None else labels)
        self.programs["docker"] = (
            f"case $1 in info) echo '{told}' ;; image) echo '{found}' ;;\n"
            f"*) printf '%s\\n' \"$@\" >'{self.root}/record'; {run} ;; esac"
        )
        return self

    def deploy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`python -m deploy` to its end."""
        return subprocess.run(
            self.command(*arguments), env=self.environment(), cwd=self.root, capture_output=True, text=True, check=False
        )

    def command(self, *arguments: str) -> list[str]:
        """The command line; the settings go to those commands that take them."""
        overrides = [] if arguments[0] == "image" else [word for one in self.settings for word in ("--set", one)]
        return [sys.executable, "-m", "deploy", *arguments, *overrides]

    def environment(self) -> dict[str, str]:
        """The variables, with the programs in PATH."""
        folder = self.root / "bin"
        folder.mkdir(exist_ok=True)
        for name, text in self.programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        for name in ("sh", "sleep", "cat"):
            if not (folder / name).exists():
                (folder / name).symlink_to(f"/bin/{name}")
        return {"PATH": str(folder), "HOME": str(self.root), "PYTHONPATH": str(SOURCES)}

    @property
    def record(self) -> list[str]:
        """The arguments of the docker command that did something."""
        path = self.root / "record"
        return path.read_text().splitlines() if path.exists() else []

    def with_release(self, target: str = "gpu") -> Machine:
        """A current release of the target, a file of keys, and ports nobody listens on."""
        releases = self.root / "build" / "releases"
        buckets = (8, 16) if target == "gpu" else ()
        path = build_release(releases, f"20260101T000000Z-{target}-aaaaaaaa", length_buckets=buckets)
        manifest = json.loads((path / "manifest.json").read_text())
        (path / "manifest.json").write_text(json.dumps({**manifest, "target": target}))
        make_current(releases, path.name)
        (self.root / "build" / "keys.json").write_text("[]")
        http, grpc, metrics = free_ports(3)
        self.settings += [f"serving.http_port={http}", f"serving.grpc_port={grpc}", f"serving.metrics_port={metrics}"]
        return self


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One test's own; it has nothing yet."""
    assert not os.path.exists("/opt/tritonserver"), "these tests play a machine outside the container"
    return Machine(tmp_path)
