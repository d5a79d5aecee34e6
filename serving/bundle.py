"""The Triton Inference Server that comes with the nvidia-pytriton wheel.

The wheel keeps the Python backend and its stubs (one executable a Python version) in different folders; Triton wants
the stub inside the backend's folder. `prepare_backends` makes such a folder once and keeps it in the cache.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import sysconfig
import threading
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ServingError
from settings.cache import cache_directory
from steps import DiskError, locked, staged_directory

PACKAGE = "nvidia-pytriton"
PATIENCE_SECONDS = 120.0
"""How long a start waits for another one that is making the backends."""


@dataclass(frozen=True)
class Bundle:
    """Where the parts of the bundled server lie.

    Attributes:
        root: `pytriton/tritonserver` of the wheel.
        libraries: The shared libraries the server is linked with.
        version: The wheel's version.
    """

    root: Path
    libraries: Path
    version: str

    @property
    def executable(self) -> Path:
        """The `tritonserver` program."""
        return self.root / "bin" / "tritonserver"

    @property
    def caches(self) -> Path:
        """The response caches Triton can load."""
        return self.root / "caches"

    def stub(self, python: tuple[int, int]) -> Path:
        """The program that runs a Python model, for one Python version."""
        return self.root / "python_backend_stubs" / f"{python[0]}.{python[1]}" / "triton_python_backend_stub"


def find_bundle() -> Bundle:
    """Finds the server in this Python's packages, without importing it.

    Raises:
        ServingError: The wheel isn't installed or lacks the server.
    """
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise ServingError(
            f"The Triton server is not installed: the package {PACKAGE} is missing from {sys.prefix}. Run `make setup`."
        )
    package = Path(spec.origin).parent
    bundle = Bundle(
        root=package / "tritonserver",
        libraries=package.parent / "nvidia_pytriton.libs",
        version=importlib.metadata.version(PACKAGE),
    )
    if not bundle.executable.exists():
        raise ServingError(
            f"The package {PACKAGE} in {package} has no tritonserver inside (its wheel for Linux x86-64 has). "
            "Remove the package and run `make setup`."
        )
    return bundle


def prepare_backends(bundle: Bundle, cache: Path | None = None) -> Path:
    """Gives a backend directory for this Python, made on the first call and kept.

    It appears as a whole; of two starts at once one makes it, and the other waits.

    Args:
        bundle: The installed server.
        cache: Where to keep it; None for `cache_directory()`.

    Raises:
        ServingError: There is no stub for this Python, or the cache can't be written.
    """
    python = (sys.version_info.major, sys.version_info.minor)
    stub = bundle.stub(python)
    if not stub.exists():
        raise ServingError(_unsupported_python(bundle, python))
    cache = cache or cache_directory()
    target = cache / f"triton-backends-{bundle.version}-py{python[0]}.{python[1]}-{_digest(bundle.root)}"
    try:
        with locked(cache / "triton-backends", timeout_s=PATIENCE_SECONDS):
            if not target.exists():
                with staged_directory(target) as made:
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(bundle.root / "backends", made, ignore=ignored, dirs_exist_ok=True)
                    shutil.copy2(stub, made / "python")
            _link_library(target)
    except (DiskError, OSError) as error:
        raise ServingError(
            f"The server's backends can't be prepared in {cache}: {error} "
            "Set XDG_CACHE_HOME to a folder that can be written."
        ) from None
    return target


def stub_libraries(backends: Path) -> Path:
    """The folder in which the stub finds this Python's shared library, where that lies outside the system's folders."""
    return backends / "python"


def library_name() -> str:
    """The shared library that the stub is linked with."""
    return f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"


def own_library() -> Path | None:
    """The shared library that belongs to this very Python; None where it has been built without one."""
    folders = (sysconfig.get_config_var("LIBDIR"), Path(sys.base_prefix) / "lib")
    paths = (Path(folder) / library_name() for folder in folders if folder)
    return next((path for path in paths if path.exists()), None)


def _link_library(backends: Path) -> None:
    """Puts this Python's library beside the stub, and nothing else of its folder, which may hold a C++ library too."""
    library = own_library()
    link = stub_libraries(backends) / library_name()
    if library is None or (link.is_symlink() and link.readlink() == library):
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}-{threading.get_ident()}")
    fresh.symlink_to(library)
    fresh.replace(link)


def supported_pythons(bundle: Bundle) -> list[str]:
    """The Python versions the server has a stub for, oldest first."""
    names = [path.parent.name for path in bundle.root.glob("python_backend_stubs/*/triton_python_backend_stub")]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def _unsupported_python(bundle: Bundle, python: tuple[int, int]) -> str:
    return (
        f"This is Python {python[0]}.{python[1]}, which the bundled Triton server can't run models with; "
        f"it can with {', '.join(supported_pythons(bundle))}. Set up the project with one of 3.10, 3.11, 3.12."
    )


def _digest(path: Path) -> str:
    """Tells environments apart that hold the same version in different places."""
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]
