"""Directories that appear as a whole: written beside their place, then renamed into it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog.readers import CatalogError


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """Gives an empty directory to fill; it replaces `target` when the block ends well, and is removed when it doesn't.

    A run that was killed leaves its staging directory behind; the next one clears it away, and puts the former
    directory back where the kill came between the two renames.

    Args:
        target: The directory to replace; its parents are made.

    Raises:
        CatalogError: Another run is filling the same directory now.
    """
    staging = target.parent / f".{target.name}.new"
    former = target.parent / f".{target.name}.old"
    with locked(target):
        if former.exists():
            if target.exists():
                shutil.rmtree(former)
            else:
                former.rename(target)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            for file in staging.iterdir():
                _sync(file)
            if target.exists():
                target.rename(former)
            staging.rename(target)
            shutil.rmtree(former, ignore_errors=True)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Holds a lock beside a directory while the block runs; it is free again when the process ends, however it ends.

    Args:
        target: The directory that only one process may write; it need not exist.

    Raises:
        CatalogError: Another process holds it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CatalogError(f"another run is writing {target} right now: wait until it has ended") from None
        yield


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
