"""A folder laid out as the official image's /opt/tritonserver."""

from __future__ import annotations

import sys
from pathlib import Path

from serving.bundle import find_bundle
from serving.triton import Triton, bundled, find_official


def make_official(root: Path, libraries: Path, tensorrt: str = "", python: str = "") -> Triton:
    """Makes one of empty files that have what is looked at in them.

    Args:
        root: The folder.
        libraries: Where TensorRT's library goes.
        tensorrt: Its version; empty for a server without that backend.
        python: The Python that the stub is linked with; empty for this one.
    """
    for name in ("bin", "caches", "backends/python"):
        (root / name).mkdir(parents=True)
    (root / "bin" / "tritonserver").touch()
    version = python or f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = root / "backends" / "python" / "triton_python_backend_stub"
    stub.write_bytes(b"\x7fELF\0libpython" + version.encode() + b".so.1.0\0")
    if tensorrt:
        major = tensorrt.partition(".")[0]
        backend = root / "backends" / "tensorrt"
        backend.mkdir()
        (backend / "libtriton_tensorrt.so").write_bytes(b"\x7fELF\0libnvinfer.so." + major.encode() + b"\0")
        libraries.mkdir(parents=True)
        (libraries / f"libnvinfer.so.{tensorrt}").touch()
        (libraries / f"libnvinfer.so.{major}").symlink_to(f"libnvinfer.so.{tensorrt}")
    made = find_official(root)
    assert made is not None
    return made


def real_server_as_official(root: Path) -> Path:
    """Lays the wheel's server out as the official image's: nothing is prepared, no library folder is told."""
    triton = bundled(find_bundle())
    for name in ("bin", "backends"):
        (root / name).mkdir(parents=True)
    for backend in triton.backends.iterdir():
        (root / "backends" / backend.name).symlink_to(backend)
    (root / "caches").symlink_to(triton.caches)
    program = root / "bin" / "tritonserver"
    folders = ":".join(str(folder) for folder in triton.libraries)
    # The image's own programs find their libraries by themselves.
    program.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={folders} exec "{triton.executable}" "$@"\n')
    program.chmod(0o755)
    return root
