"""Whether this system and this Python can run the Triton server that is there."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys

from serving.bundle import Bundle, find_bundle, library_name, own_library, supported_pythons
from serving.errors import ServingError
from serving.triton import Triton, find_official

MIN_GLIBC = (2, 35)


def check_server() -> str:
    """Checks the server that `find_triton` will give, and that this system and this Python suit it.

    Raises:
        ServingError: There is none, or they don't.
    """
    official = find_official()
    if official is not None:
        return check_official(official)
    bundle = find_bundle()
    check_machine(bundle)
    return f"Triton of the package nvidia-pytriton {bundle.version} (CPU only), Python {platform.python_version()}"


def check_official(triton: Triton) -> str:
    """Checks that the official image's Python backend runs models with this Python.

    Raises:
        ServingError: It is missing, or made for another Python.
    """
    stub = triton.backends / "python" / "triton_python_backend_stub"
    try:
        versions = re.findall(rb"libpython(3\.\d+)\.so", stub.read_bytes())
    except OSError:
        raise ServingError(
            f"The Triton server in {triton.executable.parents[1]} has no Python backend ({stub} is missing). "
            "Use an image whose tag ends in -py3, without -min: `make image`."
        ) from None
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = versions[0].decode() if versions else python
    if wanted != python:
        raise ServingError(
            f"The Triton server in {triton.executable.parents[1]} runs models with Python {wanted}; this is Python "
            f"{python}. Use the project's image, which has the right one: `make image`."
        )
    return f"Triton in {triton.executable.parents[1]}, Python {platform.python_version()}"


def check_machine(bundle: Bundle) -> None:
    """Checks what only another machine or another Python mends.

    Raises:
        ServingError: No Linux x86-64, glibc too old, Python without a stub, numpy 2.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise ServingError(
            f"The bundled Triton server runs on Linux x86-64; this is {platform.system()} {platform.machine()}. "
            "Serve in a container or on another machine."
        )
    check_glibc(os.confstr("CS_GNU_LIBC_VERSION") or "")
    python = (sys.version_info.major, sys.version_info.minor)
    if not bundle.stub(python).exists():
        raise ServingError(
            f"The bundled Triton server can't run models with this Python {python[0]}.{python[1]}; it can with "
            f"{', '.join(supported_pythons(bundle))}. Set the project up with one of 3.10, 3.11 and 3.12: "
            "`make setup PYTHON=python3.11`."
        )
    check_python_library()
    version = importlib.metadata.version("numpy")
    if int(version.partition(".")[0]) >= 2:
        raise ServingError(
            f"numpy {version} is installed; the server's models break on it at the first text. "
            "Install the pinned version: `make setup`."
        )


def check_python_library() -> None:
    """Checks that the shared library of this Python is there: many systems have a Python without it.

    Raises:
        ServingError: It is missing.
    """
    name = library_name()
    if own_library() is not None:
        return
    # Asked in a process of its own: a second Python inside this one is nothing to play with.
    program = f"import ctypes; ctypes.CDLL({name!r})"
    if subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL, check=False).returncode:
        package = name.removesuffix(".so.1.0")
        raise ServingError(
            f"The bundled Triton server runs models with Python's shared library {name}, and this system has none. "
            f"Install it, on Debian and Ubuntu with `apt-get install {package}`."
        )


def check_glibc(version: str) -> None:
    """Checks the C library, given as `glibc 2.36`.

    Raises:
        ServingError: It is another one, or older than 2.35.
    """
    name, _, number = version.partition(" ")
    parts = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
    if name != "glibc" or parts < MIN_GLIBC:
        raise ServingError(
            f"The bundled Triton server needs glibc 2.35 or newer; this system has {version or 'another C library'}. "
            "Use Ubuntu 22.04, Debian 12 or newer, or serve in a container."
        )
