"""Which TensorRT the server would load, told by the names of its files: loading it would take seconds and a GPU."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from serving.triton import Triton

SYSTEM_FOLDERS = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib", "/usr/local/lib")
COMPAT_FOLDER = "/usr/local/cuda/compat"
_NEEDED = re.compile(rb"libnvinfer\.so\.(\d+)\0")


def has_tensorrt(triton: Triton) -> bool:
    """Whether the server has the backend that runs TensorRT plans."""
    return _backend(triton).is_file()


def tensorrt_version(triton: Triton, folders: Iterable[Path] | None = None) -> str | None:
    """The version of the TensorRT that the server's backend would load, such as `11.2.1`.

    Args:
        triton: The server; its backend says which major version it is linked with.
        folders: Where to look, first to last; None for where the system's loader does.

    Returns:
        None where it isn't found.
    """
    match = _NEEDED.search(_backend(triton).read_bytes())
    name = f"libnvinfer.so.{match.group(1).decode()}" if match else "libnvinfer.so"
    for folder in loader_folders(triton) if folders is None else folders:
        library = folder / name
        if library.exists():
            found = re.search(r"\.so\.([\d.]+)$", library.resolve().name)
            return found.group(1) if found else None
    return None


def loader_folders(triton: Triton) -> list[Path]:
    """Where the system's loader looks for the server's libraries, first to last."""
    variable = os.environ.get("LD_LIBRARY_PATH", "")
    named = [Path(part) for part in variable.split(":") if part]
    return [*triton.libraries, *named, *_cached_folders(), *(Path(folder) for folder in SYSTEM_FOLDERS)]


def forward_compatible() -> bool:
    """Whether the image's own CUDA driver library stands in for an older one of the machine's.

    NVIDIA's images put it in place at their start, on the data center GPUs that allow it.
    """
    folder = Path(os.environ.get("_CUDA_COMPAT_PATH", COMPAT_FOLDER))
    named = (Path(part) for part in os.environ.get("LD_LIBRARY_PATH", "").split(":") if "compat" in part)
    return any((place / "libcuda.so.1").exists() for place in (folder / "lib", *named))


def _backend(triton: Triton) -> Path:
    return triton.backends / "tensorrt" / "libtriton_tensorrt.so"


def _cached_folders() -> list[Path]:
    """The folders of /etc/ld.so.cache that have TensorRT."""
    program = shutil.which("ldconfig") or "/sbin/ldconfig"
    try:
        listing = subprocess.run([program, "-p"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    paths = (line.rpartition(" => ")[2] for line in listing.splitlines() if "libnvinfer.so" in line)
    return [Path(path.strip()).parent for path in paths]
