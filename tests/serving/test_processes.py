"""A server's processes: none is left when its end has been asked for."""

from __future__ import annotations

import subprocess
import sys

from serving.processes import group_members, kill_group

LARGE = "held = bytearray(300_000_000); print('there', flush=True); import time; time.sleep(600)"
"""It takes the kernel some time to end it."""


def test_a_killed_group_is_gone_when_that_is_told_though_its_leader_ended_before() -> None:
    leader = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {LARGE!r}])"
    with subprocess.Popen([sys.executable, "-c", leader], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None and process.stdout.readline() == b"there\n"
        process.wait()
        (orphan,) = group_members(process.pid)
        assert kill_group(process.pid)
        assert not orphan.alive()


def test_a_group_that_is_gone_already_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    assert kill_group(process.pid)
