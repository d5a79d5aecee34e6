"""What an image must have, looked at while it is built: a mistake shows then, not on the machine that serves."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util

from serving.errors import ServingError
from serving.preflight.findings import Check, Finding, run_checks
from serving.preflight.libraries import tensorrt_version
from serving.preflight.machine import check_official
from serving.triton import Triton, find_official

BINDINGS = "tensorrt-cu13-bindings"
NEEDED = ("numpy", "tokenizers", "onnxruntime", "onnx", "torch")
"""What the served models and the export import."""


def examine_image() -> list[Finding]:
    """Looks at this very container.

    Returns:
        The findings; of a container that isn't made from the official image one only.
    """
    triton = find_official()
    if triton is None:
        return [
            Finding("server", "problem", "There is no Triton server in /opt/tritonserver: this is no Triton image.")
        ]
    checks: list[tuple[str, Check]] = [
        ("server", lambda: check_official(triton)),
        ("packages", check_packages),
        ("TensorRT", lambda: check_bindings(triton)),
    ]
    return run_checks(checks)


def check_packages() -> str:
    """Checks that what the served models import is there, and no second server.

    Raises:
        ServingError: It isn't so.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ServingError(
            f"The packages {', '.join(missing)} are missing: see the extra `container` in pyproject.toml."
        )
    if importlib.util.find_spec("pytriton") is not None:
        raise ServingError(
            "The package nvidia-pytriton is installed, a second and older server: take the extra `bundled-server` out "
            "of what the extra `container` asks for in pyproject.toml."
        )
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in NEEDED)


def check_bindings(triton: Triton) -> str:
    """Checks that TensorRT for Python is of the version of the libraries that the server loads, and goes with them.

    Raises:
        ServingError: It isn't, or doesn't.
    """
    libraries = tensorrt_version(triton)
    try:
        bindings = importlib.metadata.version(BINDINGS)
    except importlib.metadata.PackageNotFoundError:
        raise ServingError(f"The package {BINDINGS} is missing: see the extra `container` in pyproject.toml.") from None
    if libraries is None:
        raise ServingError("The TensorRT libraries that the server loads were not found (libnvinfer.so): is this -py3?")
    if libraries.split(".") != bindings.split(".")[: len(libraries.split("."))]:
        raise ServingError(
            f"The image has TensorRT {libraries}, and {BINDINGS} is {bindings}: set it to {libraries}.* in "
            "pyproject.toml and constraints.txt."
        )
    try:
        importlib.import_module("tensorrt_bindings")
    except ImportError as error:
        if "libcuda.so" not in str(error):  # the driver's own library comes with the GPU, when the container starts
            raise ServingError(f"{BINDINGS} {bindings} does not load in this image: {error}.") from None
        return f"{libraries}; Python's {bindings} (not loaded: there is no driver here)"
    return f"{libraries}; Python's {bindings}"
