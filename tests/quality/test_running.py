"""Commands that the suite starts, and how they end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from quality.errors import QualityError
from quality.running import OutOfTime, run_module

HANGING = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(os.environ["PIDS"], "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
child.wait()
"""


def write_module(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that `python -m` finds."""
    (folder / "a_command.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return "a_command"


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet is a zombie."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(") ", 1)[1].startswith(("Z", "X"))
    except OSError:
        return True


def test_a_command_is_ended_with_all_that_it_started_when_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("PIDS", str(pids))
    module = write_module(tmp_path, HANGING, monkeypatch)
    with pytest.raises(OutOfTime, match="the time was over"):
        run_module([module], tmp_path / "log", until=time.monotonic() + 3)
    assert all(gone(int(pid)) for pid in pids.read_text().split())


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print('step 1'); print('error: The disk is full.'); print('error: it failed'); raise SystemExit(1)",
         "^The disk is full [(]log: "),
        ("print('all is well'); print('but'); raise SystemExit(3)", "ended with status 3: but"),
        ("raise SystemExit(4)", "ended with status 4: no word"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL, mostly for lack of memory"),
        ("raise ValueError('so it is')", "status 1: ValueError: so it is"),
    ],
)  # fmt: skip
def test_a_command_that_fails_is_told_in_its_own_words(
    code: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = write_module(tmp_path, code, monkeypatch)
    with pytest.raises(QualityError, match=told):
        run_module([module], tmp_path / "log")
