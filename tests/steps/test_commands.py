"""Commands end with a sentence and an exit status, whatever happens."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from steps import INTERRUPTED, ProductTaggerError, run_command


def raising(error: BaseException) -> int:
    raise error


def test_an_expected_error_is_a_sentence_and_exit_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(lambda: raising(ProductTaggerError("shop.csv has no title column."))) == 1
    assert capsys.readouterr().err == "error: shop.csv has no title column.\n"


def test_a_silent_process_leaves_the_sentence_to_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(lambda: raising(ProductTaggerError("shop.csv has no title column.")), silent=True) == 1
    assert run_command(lambda: raising(KeyboardInterrupt()), silent=True) == INTERRUPTED
    assert capsys.readouterr().err == ""


def test_a_full_disk_and_a_path_that_is_refused_are_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(lambda: raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))) == 1
    assert "is full" in capsys.readouterr().err
    assert run_command(lambda: raising(PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/build"))) == 1
    assert "/build can't be used: Permission denied" in capsys.readouterr().err


def test_a_mistake_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(KeyError):
        run_command(lambda: raising(KeyError("sku")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_told_and_ends_with_status_130(number: signal.Signals) -> None:
    code = "import time; from steps import run_command\n"
    code += "def work():\n    print('works', flush=True)\n    time.sleep(60)\n    return 0\n"
    code += "raise SystemExit(run_command(work, stopped='Stopped halfway.'))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None and process.stdout.readline() == "works\n"
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED and told == "\nStopped halfway.\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = "from steps import run_command\ndef work():\n    while True: print('row', flush=True)\n"
    code += "raise SystemExit(run_command(work))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None and process.stdout.readline() == "row\n"
    process.stdout.close()
    assert process.wait(timeout=30) == 0
