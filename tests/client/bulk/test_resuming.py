"""Runs that are stopped in every way, and go on as if they hadn't been, against a real server."""

from __future__ import annotations

import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from product_tagger_client import BulkError, TaggerError
from product_tagger_client.bulk import BulkOptions, tag_file
from product_tagger_client.bulk.journal import Journal, RunLock
from tests.client.bulk.conftest import Stop, left_over, stop_after, write_jsonl

if TYPE_CHECKING:
    from tests.client.conftest import Triton

TAG = (sys.executable, "-m", "product_tagger_client")


def test_a_journal_cut_anywhere_leads_to_the_same_output(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl"))
    assert reference.rejects is not None
    with pytest.raises(Stop):
        tag_file(options(), stop_after(150))
    folder = tmp_path / "out.jsonl.tagging"
    journal = (folder / "journal.jsonl").read_bytes()
    header = journal.index(b"\n") + 1
    for cut in (0, 5, header - 1, header, header + 1, len(journal) // 2, len(journal) - 1, len(journal)):
        folder.mkdir(exist_ok=True)
        (folder / "journal.jsonl").write_bytes(journal[:cut])
        (tmp_path / "out.jsonl").unlink(missing_ok=True)
        summary = tag_file(options())
        assert summary.output.read_bytes() == reference.output.read_bytes(), cut
        assert summary.rejects is not None
        assert summary.rejects.read_bytes() == reference.rejects.read_bytes(), cut
        assert (summary.resumed >= 150) is (cut == len(journal))


def test_zeros_at_the_end_of_a_journal_as_a_lost_power_leaves_them_are_cut_off(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()
    with pytest.raises(Stop):
        tag_file(options(), stop_after(100))
    with (tmp_path / "out.jsonl.tagging" / "journal.jsonl").open("ab") as stream:
        stream.write(b"\0" * 500 + b'\n[7, [[1, "repeated", "x"]]]\n')
    assert tag_file(options()).output.read_bytes() == reference


def test_a_run_killed_again_and_again_ends_as_one_never_stopped(
    options: Callable[..., BulkOptions], tmp_path: Path, triton: Triton
) -> None:
    write_jsonl(tmp_path / "in.jsonl", 6000, {17: {"id": "sku-17"}, 4000: {"id": "bad", "title": "!invalid"}})
    reference = tag_file(options(output=tmp_path / "reference.jsonl"))
    assert reference.rejects is not None
    journal = tmp_path / "out.jsonl.tagging" / "journal.jsonl"
    command = [
        sys.executable,
        "-m",
        "product_tagger_client",
        "--url",
        triton.grpc,
        "--file",
        "in.jsonl",
        "--output",
        "out.jsonl",
    ]
    environment = {"PYTHONPATH": str(Path(__file__).parents[3] / "client"), "PATH": ""}
    kills = 0
    for threshold in (20_000, 150_000, 300_000):
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
        while process.poll() is None and not (journal.exists() and journal.stat().st_size >= threshold):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        assert not (tmp_path / "out.jsonl").exists()
    last = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert kills == 3
    assert "by an earlier run" in last.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == reference.output.read_bytes()
    assert (tmp_path / "out.jsonl.rejects.jsonl").read_bytes() == reference.rejects.read_bytes()


def test_a_run_killed_while_it_cleaned_up_is_finished_by_the_next(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        tag_file(options(), stop_after(203))
    journal = tmp_path / "out.jsonl.tagging" / "journal.jsonl"
    shutil.copy(journal, tmp_path / "kept")
    first = tag_file(options()).output.read_bytes()
    journal.parent.mkdir()
    shutil.move(tmp_path / "kept", journal)
    summary = tag_file(options())
    assert (summary.resumed, summary.output.read_bytes()) == (203, first)


def test_a_changed_input_does_not_go_on_silently(options: Callable[..., BulkOptions], tmp_path: Path) -> None:
    with pytest.raises(Stop):
        tag_file(options(), stop_after(100))
    write_jsonl(tmp_path / "in.jsonl", 204)
    with pytest.raises(BulkError, match=r"input's size was \d+ and is now \d+; give --restart"):
        tag_file(options())
    assert tag_file(options(restart=True)).rows == 204


def test_other_columns_do_not_go_on_silently(options: Callable[..., BulkOptions]) -> None:
    with pytest.raises(Stop):
        tag_file(options(), stop_after(100))
    with pytest.raises(BulkError, match=re.escape('columns was {} and is now {"title": "name"}')):
        tag_file(options(columns={"title": "name"}))


def test_an_input_that_changes_during_the_run_is_told_and_nothing_is_written(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    def change(rows: int, rejected: int) -> None:
        if rows == 203:
            with (tmp_path / "in.jsonl").open("ab") as stream:
                stream.write(b"\n")

    with pytest.raises(BulkError, match="changed while it was read"):
        tag_file(options(), change)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_second_run_of_the_same_output_is_refused_and_the_first_goes_on(
    options: Callable[..., BulkOptions], tmp_path: Path
) -> None:
    refusals: list[str] = []

    def second(rows: int, rejected: int) -> None:
        if rows == 0:
            with pytest.raises(BulkError) as raised:
                tag_file(options())
            refusals.append(str(raised.value))

    assert tag_file(options(), second).rows == 203
    assert len(refusals) == 1 and "another run (process" in refusals[0]
    assert left_over(tmp_path) == ["out.jsonl", "out.jsonl.rejects.jsonl"]


def test_a_freed_lock_leaves_no_folder_behind(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "out.jsonl")
    assert lock.folder.is_dir()
    lock.free()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_sentence_and_what_was_done_is_kept(
    options: Callable[..., BulkOptions], tmp_path: Path, triton: Triton
) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()

    def limit_file_sizes() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "product_tagger_client",
            "--url",
            triton.grpc,
            "--file",
            "in.jsonl",
            "--output",
            "out.jsonl",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "client"), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limit_file_sizes,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "the disk is full" in done.stderr and "finished rows are kept" in done.stderr
    assert "Traceback" not in done.stderr
    summary = tag_file(options())
    assert summary.resumed >= 50
    assert summary.output.read_bytes() == reference


def test_a_server_that_stays_away_ends_the_run_with_the_way_to_go_on(
    options: Callable[..., BulkOptions], tmp_path: Path, mortal_triton: Triton
) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()
    mortal_triton.start()

    def kill(rows: int, rejected: int) -> None:
        if rows >= 100:
            mortal_triton.kill()

    with pytest.raises(TaggerError, match=r"no answer for 0\.5 seconds: .* \d+ finished rows are kept: run it again"):
        tag_file(options(url=mortal_triton.http, wait=0.5), kill)
    mortal_triton.start()
    summary = tag_file(options(url=mortal_triton.http))
    assert summary.resumed >= 100
    assert summary.output.read_bytes() == reference


def test_a_run_waits_for_a_server_that_comes_back(
    options: Callable[..., BulkOptions], tmp_path: Path, mortal_triton: Triton
) -> None:
    reference = tag_file(options(output=tmp_path / "reference.jsonl")).output.read_bytes()
    mortal_triton.start()
    starting: list[threading.Thread] = []

    def start_anew(rows: int, rejected: int) -> None:
        if rows >= 100 and not starting:
            mortal_triton.kill()
            starting.append(threading.Thread(target=mortal_triton.start))
            starting[0].start()

    summary = tag_file(options(url=mortal_triton.grpc, wait=60.0), start_anew)
    starting[0].join()
    assert summary.output.read_bytes() == reference


def test_a_journal_refuses_another_identity_and_names_the_difference(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", {"input": "a"})
    journal.append([[1, "x", "no text"]])
    journal.close()
    with pytest.raises(BulkError, match='its input was "a" and is now "b"'):
        Journal(tmp_path / "journal", {"input": "b"})
    again = Journal(tmp_path / "journal", {"input": "a"})
    assert (again.rows, again.rejected, list(again.entries())) == (1, 1, [[1, "x", "no text"]])
    again.close()
