"""Outputs that appear as a whole: written beside their place, then renamed into it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steps.disk import disk_errors
from steps.locks import locked


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """Gives an empty directory to fill; it replaces `target` when the block ends well, and is removed when it doesn't.

    A run that was killed leaves its staging directory behind; the next one clears it away, and puts the former
    directory back where the kill came between the two renames.

    Args:
        target: The directory to replace; its parents are made.

    Raises:
        Busy: Another run is filling the same directory now.
        DiskError: The disk is full, or the path can't be written. `target` is as before.
    """
    staging = target.parent / f".{target.name}.new"
    former = target.parent / f".{target.name}.old"
    with disk_errors(target), locked(target):
        if former.exists():
            if target.exists():
                shutil.rmtree(former)
            else:
                former.rename(target)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            sync_tree(staging)
            if target.exists():
                target.rename(former)
            staging.rename(target)
            shutil.rmtree(former, ignore_errors=True)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def staged_file(target: Path) -> Iterator[Path]:
    """Gives a path to write; the file replaces `target` when the block ends well, and is removed when it doesn't.

    Raises:
        DiskError: The disk is full, or the path can't be written. `target` is as before.
    """
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(descriptor)
        staging = Path(name)
        try:
            yield staging
            staging.chmod(0o666 & ~_umask())
            sync(staging)
            staging.replace(target)
        finally:
            staging.unlink(missing_ok=True)


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Gives an empty folder that is gone at the end; what a killed run left of it is removed first."""
    folder = parent / f".{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync_tree(directory: Path) -> None:
    """Has the operating system write all files below a directory to the disk, and the directory itself."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            sync(path)
    sync(directory)


def sync(path: Path) -> None:
    """Has the operating system write a file or directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
