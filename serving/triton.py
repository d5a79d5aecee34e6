"""The Triton server there is: the official container image's, or the one that comes with the nvidia-pytriton wheel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serving.bundle import Bundle, find_bundle, prepare_backends, stub_libraries

OFFICIAL = Path("/opt/tritonserver")
"""Where the official image has its server; inside that image only."""


@dataclass(frozen=True)
class Triton:
    """A server that can be started as it is.

    Attributes:
        executable: The `tritonserver` program.
        backends: The backends, the Python one with a stub for this Python.
        caches: The response caches it can load.
        libraries: Folders that the server's programs look for shared libraries in first.
    """

    executable: Path
    backends: Path
    caches: Path
    libraries: tuple[Path, ...] = ()


def find_official(root: Path | None = None) -> Triton | None:
    """The official image's server; None outside the image. Nothing of it has to be prepared.

    Args:
        root: Where to look; None for `OFFICIAL`.
    """
    root = root or OFFICIAL
    executable = root / "bin" / "tritonserver"
    return Triton(executable, root / "backends", root / "caches") if executable.exists() else None


def bundled(bundle: Bundle) -> Triton:
    """The wheel's server, its backends prepared for this Python on the first call.

    Raises:
        ServingError: There is no stub for this Python, or the cache can't be written.
    """
    backends = prepare_backends(bundle)
    return Triton(bundle.executable, backends, bundle.caches, (bundle.libraries, stub_libraries(backends)))


def find_triton() -> Triton:
    """The server to start: inside the official image that image's, elsewhere the wheel's.

    Raises:
        ServingError: There is none, or it can't be prepared.
    """
    return find_official() or bundled(find_bundle())
