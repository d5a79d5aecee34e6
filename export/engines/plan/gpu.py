"""The GPU of this machine, as far as a plan depends on it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU that PyTorch can use.

    Attributes:
        name: Such as NVIDIA A10.
        compute_capability: Such as 8.6; a plan fits GPUs of the same one only.
        driver: The driver's version; empty where it can't be asked.
        cuda: The CUDA version of the container, or else of PyTorch.
    """

    name: str
    compute_capability: str
    driver: str
    cuda: str


def find_gpu() -> Gpu | None:
    """The first GPU; None where there is none that PyTorch can use."""
    import torch  # takes seconds to import, which an up-to-date run for the CPU can do without

    if not torch.cuda.is_available():
        return None
    major, minor = torch.cuda.get_device_capability(0)
    return Gpu(
        name=torch.cuda.get_device_name(0),
        compute_capability=f"{major}.{minor}",
        driver=_driver(),
        cuda=os.environ.get("CUDA_VERSION") or torch.version.cuda or "",
    )


def lacking(tensorrt: object | None, gpu: Gpu | None) -> str:
    """What a machine lacks for plans, behind "this machine has no …"; not to be asked where it lacks nothing.

    Args:
        tensorrt: What `find_tensorrt` gave.
        gpu: What `find_gpu` gave.
    """
    return " and no ".join(name for name, there in (("NVIDIA GPU", gpu), ("TensorRT", tensorrt)) if there is None)


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
