"""What NVIDIA's driver says of this machine's GPUs, asked through `nvidia-smi`: no CUDA library is loaded."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from dataclasses import dataclass

from serving.errors import ServingError

_FIELDS = ("name", "compute_cap", "driver_version", "memory.total", "memory.free")
_TIMEOUT_S = 30
"""A GPU that has fallen asleep without the persistence daemon takes seconds to answer."""


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        name: As NVIDIA calls it, such as `NVIDIA A10`.
        compute_capability: Its architecture's number, such as `8.6`.
        driver: The driver's version, such as `580.95.05`.
        total_mib: Its memory in MiB; None where the driver doesn't say (a slice of a GPU).
        free_mib: What of it nobody uses, in MiB; None likewise.
    """

    name: str
    compute_capability: str
    driver: str
    total_mib: int | None
    free_mib: int | None


def find_gpus() -> list[Gpu]:
    """The GPUs that a server started now would use.

    Raises:
        ServingError: There is none, or the driver doesn't answer.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        raise ServingError(
            "There is no NVIDIA GPU here, or no driver for it (there is no command nvidia-smi): use a machine with a "
            "GPU and its driver, and give a container the GPU with `--gpus all`."
        )
    # The server computes on those that CUDA_VISIBLE_DEVICES leaves it.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    chosen = [f"--id={visible}"] if visible else []
    command = [program, *chosen, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServingError(f"The GPU's driver does not answer ({error}): see `nvidia-smi`, or restart.") from None
    if done.returncode:
        words = " ".join((done.stdout + done.stderr).split()) or f"exit status {done.returncode}"
        raise ServingError(
            f"The GPU's driver does not answer; nvidia-smi says: {words.rstrip('.')}. Install or reload the driver, or "
            "restart; a container needs `--gpus all`."
        )
    gpus = [_read(row) for row in csv.reader(done.stdout.splitlines(), skipinitialspace=True) if len(row) >= 5]
    if not gpus:
        raise ServingError("nvidia-smi runs and lists no GPU: give the container one with `--gpus all`.")
    return gpus


def _read(row: list[str]) -> Gpu:
    name, capability, driver, total, free = (cell.strip() for cell in row[:5])
    return Gpu(name, capability, driver, _mib(total), _mib(free))


def _mib(cell: str) -> int | None:
    """The number; of a slice of a GPU the driver says `[N/A]` in its place."""
    return int(cell) if cell.isdigit() else None
