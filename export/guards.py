"""What stands around an export: one at a time, and a sentence for what the disk refuses."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from export.errors import ExportError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def locked(build_dir: Path) -> Iterator[None]:
    """Hold the build directory's export; it is free again when the process ends, however it ends."""
    build_dir.mkdir(parents=True, exist_ok=True)
    with (build_dir / ".export.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError(f"Another export is writing to {build_dir} right now: wait until it has ended.") from None
        yield


@contextmanager
def disk_errors(build_dir: Path) -> Iterator[None]:
    """Make a sentence of what a disk refuses; what was half written is removed on the way here."""
    try:
        yield
    except ExportError:
        raise
    except Exception as error:
        if _is_full(error):
            free = shutil.disk_usage(build_dir).free / 1e6
            raise ExportError(
                f"The disk of {build_dir} is full ({free:,.0f} MB are free), or a limit on file sizes is reached: make "
                "room and export again. The releases are as before."
            ) from error
        if isinstance(error, OSError) and error.filename:
            raise ExportError(f"{error.filename} can't be used ({error.strerror}).") from error
        raise


@contextmanager
def scratch_folder(parent: Path, name: str) -> Iterator[Path]:
    """Give an empty folder that is gone at the end; what a killed run left of it is removed first."""
    folder = parent / f".{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_full(error: BaseException | None) -> bool:
    """Whether a full disk is the cause; libraries wrap it, some in a text only."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return True
        if any(os.strerror(number) in str(error) for number in _NO_SPACE):
            return True
        error = error.__cause__ or error.__context__
    return False
