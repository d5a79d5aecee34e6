"""Outputs appear whole or not at all, one writer at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from steps import Busy, DiskError, disk_errors, locked, scratch_folder, staged_directory, staged_file

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_directory_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with pytest.raises(RuntimeError), staged_directory(target) as directory:
        (directory / "half").touch()
        raise RuntimeError
    assert not target.exists()
    with staged_directory(target) as directory:
        (directory / "whole").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_a_directory_that_a_kill_between_the_renames_left_aside_is_put_back(tmp_path: Path) -> None:
    former = tmp_path / ".made.old"
    former.mkdir()
    (former / "file").touch()
    with pytest.raises(RuntimeError), staged_directory(tmp_path / "made"):
        raise RuntimeError
    assert (tmp_path / "made" / "file").exists()


def test_a_file_appears_whole_or_not_at_all_and_is_as_readable_as_others(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("former", encoding="utf-8")
    with pytest.raises(DiskError, match="is full"), staged_file(target) as path:
        path.write_text("half", encoding="utf-8")
        raise FULL
    assert target.read_text(encoding="utf-8") == "former"
    mode = target.stat().st_mode
    with staged_file(target) as path:
        path.write_text("new", encoding="utf-8")
    assert target.read_text(encoding="utf-8") == "new" and target.stat().st_mode == mode
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_second_process_is_told_to_wait_and_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    hold = "import sys, time; from pathlib import Path; from steps import locked\n"
    hold += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    checkout = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "made")], stdout=subprocess.PIPE, cwd=checkout
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy, match="Another run is writing"), locked(tmp_path / "made"):
            pass
        holder.kill()
    with locked(tmp_path / "made"):
        pass


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        RuntimeError("I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:659] . unexpected pos 64 vs 0"),
        RuntimeError("Error while serializing: StorageFull"),
    ],
)
def test_a_full_disk_is_one_sentence_however_a_library_tells_of_it(tmp_path: Path, error: Exception) -> None:
    with (
        pytest.raises(DiskError, match=rf"The disk with {tmp_path} is full \([\d,]+ MiB free\)"),
        disk_errors(tmp_path),
    ):
        raise error


def test_a_path_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "build").touch()
    refused = r"build.* can't be used: (Not a directory|File exists)"
    with pytest.raises(DiskError, match=refused), staged_directory(tmp_path / "build" / "made"):
        pass


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(KeyError), disk_errors(tmp_path):
        raise KeyError("sku")


def test_a_scratch_folder_is_empty_and_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "left").touch()
    with scratch_folder(tmp_path, "work") as folder:
        assert not list(folder.iterdir())
    assert not list(tmp_path.iterdir())
