"""Whether there is room for a second Triton beside the one that runs."""

from __future__ import annotations

from pathlib import Path

from serving.errors import ServingError
from serving.preflight.storage import MEBIBYTE
from serving.processes import group_members

RESERVE = 64 * MEBIBYTE
_CGROUP = Path("/sys/fs/cgroup")


def check_memory(leader: int) -> str:
    """Checks that another process group of the size of one that runs fits into the machine's memory.

    Args:
        leader: The running tritonserver's process.

    Raises:
        ServingError: It doesn't.
    """
    needed = sum(_resident(one.pid) for one in group_members(leader)) + RESERVE
    free = free_memory()
    if free < needed:
        raise ServingError(
            f"{free / MEBIBYTE:,.0f} MiB of memory are free, and a second Triton takes about "
            f"{needed / MEBIBYTE:,.0f} MiB."
        )
    return f"{free / MEBIBYTE:,.0f} MiB of memory are free for {needed / MEBIBYTE:,.0f} MiB"


def free_memory() -> int:
    """Bytes that processes can still take: of the machine, or of the container where that has less."""
    free = _field(Path("/proc/meminfo"), "MemAvailable:") * 1024
    try:
        most = (_CGROUP / "memory.max").read_text().strip()
        if most != "max":
            used = int((_CGROUP / "memory.current").read_text())
            cache = _field(_CGROUP / "memory.stat", "inactive_file")  # given back when it is needed
            free = min(free, int(most) - used + cache)
    except (OSError, ValueError):
        pass  # no control group, or an older kind
    return free


def _resident(pid: int) -> int:
    """Bytes that belong to one process; files that it maps are shared with others."""
    try:
        return _field(Path(f"/proc/{pid}/status"), "RssAnon:") * 1024
    except OSError:
        return 0  # it has just ended


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
