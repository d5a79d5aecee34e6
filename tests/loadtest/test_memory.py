"""The server's memory over time: read from real processes, judged minute against minute, and told."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from loadtest import memory
from loadtest.locust.__main__ import main
from loadtest.locust.figures import Level, level_figures
from loadtest.locust.limits import broken_limits
from loadtest.locust.records import Request
from loadtest.locust.report import NOT_READ, memory_sentences, plot_memory, write_memory
from loadtest.memory import Growth, MemoryWatch, Sample, level_growth, read_memory
from loadtest.options import LoadOptions
from serving.processes import wait_until
from tests.loadtest.conftest import RELEASE, Workplace
from tests.small_release import seal

HOLDS_64_MIB = "held = bytearray(b'x' * (64 << 20)); print('ready', flush=True); input()"
LEAK = "        self.leaked = [*getattr(self, 'leaked', []), b'x' * (1 << 20)]\n"


def samples(*pss: float, begin: float = 0.0, step: float = 2.0) -> list[Sample]:
    """Readings at equal distances."""
    return [Sample(begin + number * step, value, 2 * value, 4) for number, value in enumerate(pss)]


def level(growth: Growth | None, seconds: float = 600.0) -> Level:
    """A level at which every request is answered in 10 ms."""
    requests = [Request("gRPC, 1 text", 1, moment, moment, moment + 0.01, "") for moment in range(10)]
    return Level(1, 32, False, seconds, level_figures(requests, 0.0, 10.0, 10.0), begin=0.0, memory=growth)


def test_what_a_process_has_started_counts_as_its_own() -> None:
    before = read_memory(os.getpid())
    command = [sys.executable, "-c", HOLDS_64_MIB]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        after = read_memory(os.getpid())
        assert before is not None and after is not None and after.processes == before.processes + 1
        assert after.pss_mib - before.pss_mib > 60 and after.rss_mib >= after.pss_mib >= after.judged_mib
        assert after.judged_mib - before.judged_mib > 60
        child.communicate(b"\n")
    assert read_memory(child.pid) is None


def test_a_process_that_has_ended_and_was_not_waited_for_counts_nothing() -> None:
    before = read_memory(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        assert wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, 30)
        found = read_memory(os.getpid())
    assert before is not None and found is not None and found.processes == before.processes


def test_it_is_read_from_the_beginning_to_the_end_of_a_block() -> None:
    with MemoryWatch(os.getpid(), 0.01) as watch:
        assert wait_until(lambda: len(watch.samples) > 2, 30)
    count = len(watch.samples)
    assert [one.at for one in watch.samples] == sorted(one.at for one in watch.samples)
    assert not wait_until(lambda: len(watch.samples) > count, 0.1)
    with MemoryWatch(None) as nothing:
        pass
    assert nothing.samples == []


def test_the_last_minute_is_compared_with_the_second_and_no_single_reading_decides() -> None:
    # 200 s: a first minute that fills, a second at 100, then 103, with a spike in each.
    pss = [50.0] * 30 + [100.0] * 15 + [500.0] + [100.0] * 14 + [102.0] * 10 + [103.0] * 29 + [1000.0]
    growth = level_growth(samples(*pss), 0.0, 200.0)
    assert growth is not None and (growth.second_minute_mib, growth.last_minute_mib) == (100.0, 103.0)
    assert growth.share == pytest.approx(0.03) and growth.most_mib == 1000.0


def test_what_other_processes_share_of_the_servers_files_is_not_judged() -> None:
    # Others use the same libraries until the middle of the run; from then on their pages are all the server's.
    read = [Sample(2.0 * number, 150.0 if number < 60 else 200.0, 300.0, 4, 100.0) for number in range(100)]
    growth = level_growth(read, 0.0, 200.0)
    assert growth == Growth(100.0, 100.0, 100.0)


def test_short_levels_and_levels_with_gaps_are_not_judged() -> None:
    steady = samples(*[100.0] * 100)
    assert level_growth(steady, 0.0, 179.0) is None
    assert level_growth(steady, 0.0, 180.0) == Growth(100.0, 100.0, 100.0)
    assert level_growth(steady[:60], 0.0, 200.0) is None and level_growth([], 0.0, 200.0) is None


def test_growth_beyond_the_limit_is_a_sentence_and_less_is_none() -> None:
    limits = LoadOptions(users=[32])
    assert broken_limits([level(Growth(100.0, 101.9, 102.0))], limits) == []
    assert broken_limits([level(Growth(100.0, 90.0, 102.0))], limits) == []
    (told,) = broken_limits([level(Growth(100.0, 104.0, 104.0))], limits)
    assert "At 32 users the server's memory grew by 4.00%, from 100.0 MiB in the second minute to 104.0" in told
    assert told.endswith("and --max-memory-growth is 0.02.")


def test_the_report_has_each_reading_with_its_level_and_a_picture(tmp_path: Path) -> None:
    read = samples(*[100.0] * 5, begin=-4.0)
    levels = [level(Growth(100.0, 101.0, 102.0))]
    write_memory(tmp_path / "memory.csv", levels, read)
    with (tmp_path / "memory.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["level"] for row in rows] == ["", "", "1", "1", "1"] and rows[2]["seconds"] == "4.0"
    plot_memory(tmp_path / "memory.png", levels, read, "a title")
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")
    told = list(memory_sentences(levels, read))
    assert "Memory of the server's 4 processes at the end: 100 MiB" in told[0] and told[1].endswith(
        "(medians, no files): +1.00%."
    )
    assert levels[0].as_json()["memory"]["growth"] == pytest.approx(0.01)
    assert list(memory_sentences(levels, [])) == [NOT_READ]
    (_, gap) = memory_sentences([level(None)], read)
    assert "its growth can't be told" in gap


def test_a_server_whose_model_keeps_what_it_computes_breaks_the_limit(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = workplace.build / "releases" / RELEASE / "model_repository" / "classifier" / "1" / "model.py"
    head, execute, rest = model.read_text(encoding="utf-8").partition("    def execute(")
    signature, end, body = rest.partition(":\n")
    text = head + execute + signature + end + LEAK + body
    model.write_text(text, encoding="utf-8")
    seal(workplace.build / "releases" / RELEASE)
    monkeypatch.setattr(memory, "MINUTE", 1.0)
    monkeypatch.setattr(memory, "JUDGED_SECONDS", 3.0)
    monkeypatch.setattr(memory, "INTERVAL_SECONDS", 0.2)
    words = ("--set", "serving.instances=2", "--users", "1", "--seconds", "4", "--warm-up-s", "0")
    assert main(workplace.arguments(*words, "--max-p99-ms", "100000")) == 1
    told = capsys.readouterr().out
    assert "At 1 user the server's memory grew by " in told and "memory.png" in told
    reports = workplace.build / "reports" / "loadtest"
    (found,) = json.loads((reports / "levels.json").read_text())["levels"]
    assert found["memory"]["growth"] > 0.02 and found["begin"] > 0
    assert {"memory.csv", "memory.png"} <= {path.name for path in reports.iterdir()}
