"""A sentence for what a disk refuses."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steps.errors import DiskError, ProductTaggerError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = (*(os.strerror(number) for number in _FULL), "StorageFull", "inline_container.cc")
"""How safetensors, tokenizers and (the last one) PyTorch tell of a full disk, each by an exception of its own."""


@contextmanager
def disk_errors(directory: Path, then: str = "run the same command again") -> Iterator[None]:
    """Turns whatever a full disk or a path that can't be used raises within the block into a `DiskError`.

    Args:
        directory: Where the block writes.
        then: What to do once there is room, after "Free some and".
    """
    try:
        yield
    except ProductTaggerError:
        raise
    except Exception as error:
        if is_disk_full(error):
            raise DiskError(full_sentence(directory, then)) from error
        if isinstance(error, OSError) and error.filename is not None and error.errno is not None:
            raise DiskError(refused_sentence(error)) from error
        raise


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk is the cause; libraries wrap it, some in a text only."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(words in str(error) for words in _FULL_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def full_sentence(directory: Path, then: str = "run the same command again") -> str:
    """Says that the disk of a directory is full, and what to do."""
    existing = next((place for place in (directory, *directory.absolute().parents) if place.exists()), Path("/"))
    free = shutil.disk_usage(existing).free / 2**20
    return (
        f"The disk with {directory} is full ({free:,.0f} MiB free), or a limit on file sizes is reached. "
        f"Free some and {then}."
    )


def refused_sentence(error: OSError) -> str:
    """Says which path can't be used and why, and what to do."""
    return (
        f"{error.filename} can't be used: {error.strerror}. Check the path and its permissions, "
        "or choose another build directory (BUILD=DIR)."
    )
