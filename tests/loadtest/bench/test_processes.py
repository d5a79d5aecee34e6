"""What is read of a server's processes, and that they are still while others are measured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from loadtest.bench.processes import Stillness, cpu_seconds, memory
from loadtest.errors import LoadtestError
from serving.processes import wait_until

ROOT = Path(__file__).parents[3]
POLLING = "import time\nwhile True:\n    time.sleep(0.001)"
BURN = (
    "import time\nend = time.process_time() + 0.3\n"
    "while time.process_time() < end:\n    pass\nprint(flush=True); input()"
)


@pytest.fixture
def polling() -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks for work again and again, with a child that does too, in a group of their own."""
    parent = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {POLLING!r}])\n{POLLING}"
    process = subprocess.Popen([sys.executable, "-c", parent], start_new_session=True)
    try:
        assert wait_until(lambda: len(states(process)) == 2, 30)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def states(process: subprocess.Popen[bytes]) -> list[str]:
    """What the kernel says of a process and its children."""
    parent = psutil.Process(process.pid)
    return [one.status() for one in [parent, *parent.children()]]


def still(process: subprocess.Popen[bytes]) -> bool:
    """Whether all of them are stopped."""
    return set(states(process)) == {psutil.STATUS_STOPPED}


def running(process: subprocess.Popen[bytes]) -> bool:
    """Whether none of them is."""
    return psutil.STATUS_STOPPED not in states(process)


def test_children_count_towards_what_a_server_computes_and_holds() -> None:
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert 0.25 <= cpu_seconds(process.pid) < 1.5  # the kernel counts in hundredths
        (child,) = psutil.Process(process.pid).children()
        both, one = memory(process.pid), memory(child.pid)
        assert one.rss_mib < both.rss_mib and 0 < one.pss_mib < both.pss_mib < both.rss_mib
        process.communicate("\n")
    with pytest.raises(LoadtestError, match="ended while it was measured"):
        cpu_seconds(process.pid)
    with pytest.raises(LoadtestError, match=rf"memory of process {process.pid} can't be read"):
        memory(process.pid)


def test_a_server_computes_nothing_but_while_it_is_awake(polling: subprocess.Popen[bytes]) -> None:
    with Stillness(polling.pid) as stillness:
        assert wait_until(lambda: still(polling), 10)
        with stillness.awake():
            assert wait_until(lambda: running(polling), 10)
        assert wait_until(lambda: still(polling), 10)
    assert wait_until(lambda: running(polling), 10)


def test_it_is_still_again_when_a_measurement_fails(polling: subprocess.Popen[bytes]) -> None:
    with Stillness(polling.pid) as stillness:
        with pytest.raises(LoadtestError), stillness.awake():
            raise LoadtestError("no answer")
        assert wait_until(lambda: still(polling), 10)


def test_it_is_woken_and_told_to_end_when_the_benchmark_is_killed(polling: subprocess.Popen[bytes]) -> None:
    code = (
        "import sys\nfrom loadtest.bench.processes import Stillness\n"
        "with Stillness(int(sys.argv[1])):\n    print('still', flush=True)\n    input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(polling.pid)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as benchmark:
        assert benchmark.stdout is not None and benchmark.stdout.readline() == b"still\n"
        assert wait_until(lambda: still(polling), 10)
        benchmark.kill()
    assert polling.wait(10) == -signal.SIGTERM


def test_a_server_that_has_ended_is_no_failure_of_the_stillness() -> None:
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()
    with Stillness(process.pid) as stillness, stillness.awake():
        pass
