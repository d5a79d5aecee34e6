"""The demonstration's serving half on a real server, and that it leaves nothing behind however it ends."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import __main__ as command
from demo.__main__ import main
from demo.stages import Stage, StageError, run_stage
from demo.tagging import Answer, ask, summary, table
from product_tagger_client import TaggerError
from product_tagger_client.results import Tag, TaggedProduct
from serving.control import stop
from serving.processes import wait_until
from serving.state import running_servers
from serving.temporary import free_ports, with_free_ports
from settings import ServingSettings, Settings, load_settings
from tests.small_release import SOURCES, build_release, make_current


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Path]:
    """A build directory with a release; no server of it runs afterwards."""
    directory = tmp_path / "build"
    build_release(directory / "releases", "20260101T000000Z-cpu-aaaaaaaa")
    make_current(directory / "releases", "20260101T000000Z-cpu-aaaaaaaa")
    try:
        yield directory
    finally:
        for _, state in running_servers(directory):
            serving = ServingSettings(http_port=state.http_port)
            stop(Settings(build_dir=directory, serving=serving))


def arguments(build: Path, *ports: int) -> list[str]:
    """The command line for a build directory and ports."""
    names = ("serving.http_port", "serving.grpc_port", "serving.metrics_port")
    pairs = [f"build_dir={build}", "serving.instances=1"]
    pairs += [f"{name}={port}" for name, port in zip(names, ports, strict=True)]
    return [word for pair in pairs for word in ("--set", pair)]


def test_it_tags_over_both_protocols_prints_a_table_and_stops(
    build: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(command, "STAGES", ())
    http, grpc, metrics = free_ports(3)
    (build / "keys.json").write_text("[]")  # whoever serves others with keys has none for the demonstration
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", http))
        taken.listen()
        more = ["--set", f"gateway.keys_file={build / 'keys.json'}"]
        assert main([*arguments(build, http, grpc, metrics), *more]) == 0
    printed = capsys.readouterr().out
    assert f"Port {http} (serving.http_port) is in use" in caplog.text and "Taking free ports." in caplog.text
    assert "summer dress" in printed and "apparel" in printed
    assert "Both protocols gave the same answers." in printed and "gRPC ms  HTTP ms" in printed
    assert running_servers(build) == [] and list((build / "serving").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_while_it_serves_it_leaves_no_server_behind(build: Path, number: signal.Signals) -> None:
    program = (
        "import demo.__main__ as command, time\n"
        "command.STAGES = ()\n"
        "command.ask = lambda *_: (print('serves', flush=True), time.sleep(60))\n"
        "raise SystemExit(command.main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments(build, *free_ports(3))],
        cwd=SOURCES,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "serves\n":
            break
    ((_, state),) = running_servers(build)
    assert state.server is not None
    process.send_signal(number)
    process.communicate(timeout=40)
    assert process.returncode == (130 if number != signal.SIGKILL else -signal.SIGKILL)
    assert wait_until(
        lambda: not state.supervisor.alive() and state.server is not None and not state.server.alive(), 30
    )


def test_free_ports_are_kept_as_configured() -> None:
    http, grpc, metrics = free_ports(3)
    settings = Settings(serving=ServingSettings(http_port=http, grpc_port=grpc, metrics_port=metrics))
    assert with_free_ports(settings) is settings


def test_what_a_person_has_made_and_configured_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "tagger.yaml"
    mine.write_text("build_dir: build\ncatalog: {path: shop.csv, columns: {title: name}, limit: 3}\n")
    settings = load_settings(mine, command.DEFAULTS)
    assert settings.build_dir == Path("build/demo")
    assert (settings.catalog.path, settings.catalog.columns, settings.catalog.limit) == ("demo", {}, None)


def stage_of(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage that runs a program."""
    (tmp_path / "stage_of_a_test.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Stage("Try", "stage_of_a_test")


def test_a_stage_gets_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stage = stage_of("import sys; print(sys.argv[1:])", tmp_path, monkeypatch)
    run_stage(stage, Path("demo.yaml"))
    assert capfd.readouterr().out == "['--config', 'demo.yaml']\n"


def test_a_stage_that_fails_ends_the_demonstration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of("raise SystemExit(3)", tmp_path, monkeypatch)
    with pytest.raises(StageError, match="`python -m stage_of_a_test` ended with status 3"):
        run_stage(stage, Path("demo.yaml"))


def test_a_stage_that_was_interrupted_interrupts_the_demonstration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_of("raise SystemExit(130)", tmp_path, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage, Path("demo.yaml"))


def test_an_interrupted_demonstration_ends_its_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage_of("import os, time; print(os.getpid(), flush=True); time.sleep(60)", tmp_path, monkeypatch)
    program = (
        "import demo.__main__ as command\n"
        "command.STAGES = (command.STAGES[0].__class__('Try', 'stage_of_a_test'),)\n"
        "raise SystemExit(command.main())"
    )
    # Only the demonstration gets the signal, as from `kill`; Ctrl-C would reach both.
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments(tmp_path / "build", *free_ports(3))],
        cwd=SOURCES,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    stage = next(int(line) for line in process.stdout if line.strip().isdigit())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)


def answer(text: str, *tags: str, same: bool = True) -> Answer:
    """An answer with some tags."""
    found = tuple(Tag(name, 0.9) for name in tags)
    return Answer(text, TaggedProduct("food", 0.98, found, False), {"grpc": 5.04, "http": 6.0}, same)


def test_the_table_keeps_its_columns_with_wide_characters_and_many_tags() -> None:
    lines = list(table([answer("每日坚果礼盒 750g", "nuts"), answer("nuts", "a", "b", "c", "d", "e")]))
    assert lines[0] == "PRODUCT            CATEGORY        gRPC ms  HTTP ms  TAGS"
    assert lines[1] == "每日坚果礼盒 750g  food      0.98      5.0      6.0  nuts 0.90"
    assert lines[2] == "nuts               food      0.98      5.0      6.0  a 0.90, b 0.90, c 0.90 and 2 more"


def test_the_table_shows_what_labels_are_called_in_the_product_s_language() -> None:
    named = TaggedProduct("food", 0.98, (Tag("nuts-dried-fruit", 0.9, "坚果果干"),), False, "食品")
    line = list(table([Answer("每日坚果礼盒", named, {"grpc": 5.0}, True)]))[1]
    assert "食品" in line and "坚果果干 0.90" in line and "nuts" not in line and "food" not in line


def test_answers_that_differ_by_protocol_are_counted() -> None:
    assert list(summary([answer("a"), answer("b", same=False)]))[-1] == "1 answers differ by protocol!"


def test_asking_needs_a_server() -> None:
    with pytest.raises(TaggerError):
        ask(["a"], [f"http://127.0.0.1:{free_ports(1)[0]}"])
