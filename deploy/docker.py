"""What there is of Docker on this machine: the client, an engine that answers, access to GPUs, an image."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from deploy.errors import DeployError, Missing

_TIMEOUT_S = 60
TOOLKIT_PAGE = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"


@dataclass(frozen=True)
class Docker:
    """An engine that answers.

    Attributes:
        program: The client's path.
        info: What `docker info` tells.
    """

    program: str
    info: dict[str, Any]

    def gpu_options(self) -> list[str]:
        """The options of `docker run` that give a container all GPUs.

        Raises:
            Missing: This engine can't.
        """
        # Docker's own driver for NVIDIA goes by this program; the toolkit brings it along with the runtime.
        if "nvidia" in (self.info.get("Runtimes") or {}) or shutil.which("nvidia-container-runtime-hook"):
            return ["--gpus", "all"]
        devices = self.info.get("DiscoveredDevices") or []
        if any(str(device.get("ID", "")).startswith("nvidia.com/gpu=") for device in devices):
            return ["--device", "nvidia.com/gpu=all"]
        raise Missing(
            f"Docker can't give containers the GPU: install the NVIDIA Container Toolkit ({TOOLKIT_PAGE}), then run "
            "`sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker`."
        )

    def image_labels(self, image: str) -> dict[str, str]:
        """The labels of an image.

        Raises:
            DeployError: It isn't on this machine.
        """
        done = _run(self.program, "image", "inspect", "--format", "{{json .Config.Labels}}", image)
        if done.returncode:
            raise DeployError(f"There is no image {image} on this machine: build it with `make image`.")
        try:
            labels = json.loads(done.stdout)
        except ValueError:
            labels = None
        return labels if isinstance(labels, dict) else {}


def find_docker() -> Docker:
    """Finds the client and asks its engine.

    Raises:
        Missing: There is no client, or no engine that this user may use.
    """
    program = shutil.which("docker")
    if program is None:
        raise Missing(
            "Docker is not installed (there is no command docker): install it, https://docs.docker.com/engine/install/."
        )
    done = _run(program, "info", "--format", "{{json .}}")
    if done.returncode:
        words = " ".join(done.stderr.split()).rstrip(".")
        if "permission denied" in words.lower():
            raise Missing(
                "This user may not use the Docker engine (permission denied): run `sudo usermod -aG docker $USER`, "
                "then log in again."
            )
        raise Missing(
            f"The Docker engine does not answer ({words or 'without a reason'}): start it, with `sudo systemctl start "
            "docker` for instance."
        )
    try:
        info = json.loads(done.stdout)
    except ValueError:
        info = {}
    return Docker(program, info if isinstance(info, dict) else {})


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess([program, *arguments], 1, "", str(error))
