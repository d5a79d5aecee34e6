"""What can stop a training run; every message is a sentence with its mend."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = ("No space left on device", "StorageFull", "Disk quota exceeded", "File too large", "inline_container.cc")
"""How Python, safetensors, tokenizers and (the last one) PyTorch tell of a full disk, each by its own exception."""


class TrainingError(RuntimeError):
    """Training can't be done; the message says what is wrong, where, and what to do."""


@contextmanager
def full_disk_told(directory: Path) -> Iterator[None]:
    """Turn whatever a full disk raises within the block into a TrainingError.

    Args:
        directory: where the block writes.
    """
    try:
        yield
    except Exception as error:
        if not any(words in str(error) for words in _FULL):
            raise
        free = shutil.disk_usage(directory).free / 2**20
        raise TrainingError(
            f"The disk with {directory} is full ({free:,.0f} MiB free): free some and run the same command again; it "
            "goes on from the last checkpoint."
        ) from error
