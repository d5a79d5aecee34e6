"""Processes: told apart beyond reuse of ids, started so that they end with their parent, ended with their children."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
PARENT, GROUP = 1, 2
"""Fields of /proc/PID/stat, counted behind the name (proc_pid_stat(5))."""
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class ProcessId:
    """A process, not just its number: numbers are used again.

    Attributes:
        pid: The number.
        started: When it started, in clock ticks since the machine did (field 22 of /proc/PID/stat).
        boot: Which start of the machine that was.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has the number now; None when there is none, or only its remains."""
        try:
            # The second field, the name in parentheses, may hold spaces.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in ("Z", "X") else cls(pid, int(fields[19]), boot)

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return ProcessId.of(self.pid) == self

    def signal(self, number: signal.Signals) -> bool:
        """Sends a signal; False when the process is gone."""
        if not self.alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill_group(self) -> None:
        """Kills all processes of the group it leads, where it leads one and still runs."""
        try:
            if self.alive() and os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def wait(self, seconds: float) -> bool:
        """Waits until it is gone; False when it is still there after so many seconds."""
        return wait_until(lambda: not self.alive(), seconds)


def children_of(pid: int) -> list[ProcessId]:
    """The processes that a process has started and that still run."""
    return _whose(PARENT, pid)


def group_members(leader: int) -> list[ProcessId]:
    """The processes of a group that still run."""
    return _whose(GROUP, leader)


def kill_group(leader: int, seconds: float = 10.0) -> bool:
    """Kills what is left of a group, and waits until it is gone; False when some are there after so many seconds.

    A killed process ends a moment later, and only its parent is told when.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    return wait_until(lambda: not group_members(leader), seconds, pause=0.01)


def _whose(field: int, value: int) -> list[ProcessId]:
    """The running processes with this value in a field of /proc/PID/stat, counted behind the name."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        process = ProcessId.of(int(folder.name)) if int(fields[field]) == value else None
        if process is not None:
            found.append(process)
    return found


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Asks again and again until the condition holds; False when it doesn't within so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def spawn_dependent(
    command: Sequence[str], environment: Mapping[str, str], output: IO[bytes], pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Starts a process that gets SIGTERM when this one ends in any way, SIGKILL included.

    It leads a group and a session of its own, so that Ctrl-C at the terminal reaches only its parent, which then ends
    it in order. To be called from the main thread: the kernel takes the end of the calling thread for the parent's.
    """
    parent = os.getpid()

    def bind_to_parent() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)

    return subprocess.Popen(
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=pass_fds,
        preexec_fn=bind_to_parent,  # this process has one thread
    )


def end_process(process: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """Ends a process that was started here: in order, and by force when it takes longer than so many seconds."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
