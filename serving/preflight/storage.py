"""Whether there is room in shared memory and on the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from serving.errors import ServingError
from serving.repository import Processes

SHARED_MEMORY = Path("/dev/shm")
MEBIBYTE = 1 << 20
SHM_BASE = 16 * MEBIBYTE
SHM_PER_PROCESS = 4 * MEBIBYTE
"""A Python process begins with 1 MiB and grows to what its largest batch needs."""
LARGEST_TEXT = 256 << 10
"""What a client sends of one text at most: 65,536 characters of four bytes."""
DISK_MIN = 100 * MEBIBYTE
"""What is written is the log and small configurations; below this a busy server's log soon fills the disk."""


def check_shared_memory(processes: Processes, batch_size: int, folder: Path = SHARED_MEMORY) -> str:
    """Checks that there is room for what the server's processes pass to each other.

    Args:
        processes: How many there will be.
        batch_size: Most texts that one of them is given at once.
        folder: Where shared memory is.

    Raises:
        ServingError: Too little is free.
    """
    # Labelers get probabilities, the others texts.
    texts = max(SHM_PER_PROCESS, batch_size * LARGEST_TEXT)
    needed = SHM_BASE + texts * (processes.tokenizers + processes.classifiers) + SHM_PER_PROCESS * processes.labelers
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        raise ServingError(
            f"{folder} is missing, and the server's processes talk through it. Mount a tmpfs there."
        ) from None
    if free < needed:
        raise ServingError(
            f"{folder} has {free / MEBIBYTE:.0f} MiB free; {processes.total} Python processes need "
            f"{needed / MEBIBYTE:.0f} MiB. Free some, give a container more (`--shm-size=256m`), or lower "
            "serving.instances or serving.max_batch_size."
        )
    return f"{free / MEBIBYTE:,.0f} MiB free in {folder} for {processes.total} Python processes"


def check_disk(directory: Path) -> str:
    """Checks that the server can write its log and its configurations.

    Args:
        directory: Where they go; it need not be there yet.

    Raises:
        ServingError: It can't be written, or too little is free.
    """
    there = directory
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ServingError(
            f"{directory} can't be written by this user, and the server's log goes there. Give this user the right "
            f"(`chown -R {os.getuid()} {there}`), or choose another place with `--set build_dir=DIR`."
        )
    free = shutil.disk_usage(there).free
    if free < DISK_MIN:
        raise ServingError(
            f"Only {free / MEBIBYTE:.0f} MiB are free on the disk of {there}, where the server's log goes; it should "
            f"be {DISK_MIN / MEBIBYTE:.0f} MiB at least. Make room, older releases in releases/ for instance."
        )
    return f"{free / MEBIBYTE:,.0f} MiB free for {directory}"
