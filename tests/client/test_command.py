"""The command `tag`, as it is typed."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from product_tagger_client.command import main

if TYPE_CHECKING:
    from tests.client.conftest import Triton

TAG = (sys.executable, "-m", "product_tagger_client")


def test_texts_give_a_table_whose_columns_stand_below_each_other(
    triton: Triton, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--url", triton.http, "手机支架", "cotton dress", "x !abstain"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["TEXT", "CATEGORY", "TAGS"]
    assert len(rows) == 3
    column = head.index("CATEGORY")
    assert rows[1][column - 2 : column] == "  " and rows[1][column] != " "
    assert rows[0].startswith("手机支架" + " " * (column - 8))
    assert "(none sure)" in rows[2]


def test_json_gives_an_object_a_line_and_a_bad_text_an_error_and_exit_code_1(
    triton: Triton, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--url", triton.grpc, "--json", "cotton dress", " "]) == 1
    good, bad = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert good["text"] == "cotton dress" and good["tags"] and good["truncated"] is False
    assert bad == {"text": " ", "error": "the text is empty, or holds what it may not"}


def test_the_address_can_come_from_the_environment(
    triton: Triton, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGGER_URL", triton.http)
    assert main(["cotton dress"]) == 0
    assert "cotton dress" in capsys.readouterr().out


def test_nobody_at_the_address_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--url", "grpc://127.0.0.1:1", "--timeout", "0.3", "text"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("tag: the server at grpc://127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give a text to tag"),
        (["text", "--file", "a.csv", "--output", "b.csv"], "not both"),
        (["--file", "a.csv"], "--file needs --output"),
        (["--file", "a.csv", "--output", "b.csv", "--columns", "name"], "write FIELD=COLUMN"),
        (["--file", "a.csv", "--output", "b.csv", "--columns", "colour=c"], "write FIELD=COLUMN"),
        (["--timeout", "0", "text"], "seconds above 0"),
        (["--concurrency", "0", "text"], "not 1 or more"),
    ],
)
def test_a_wrong_argument_is_told(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_file_is_tagged_with_a_summary_and_a_column_mapping_made_for_training(
    triton: Triton, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text("sku,name,kind\na,cotton dress,x\nb,,y\nc,sofa,z\n")
    arguments = ["--url", triton.grpc, "--file", str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.jsonl")]
    assert main([*arguments, "--columns", "id=sku", "title=name", "--columns", "category=kind"]) == 0
    told = capsys.readouterr().err
    assert "3 rows in" in told and "1 rows have no answer" in told and "out.jsonl.rejects.jsonl" in told
    assert [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").open()] == ["a", "c"]


def test_on_a_terminal_a_bar_shows_rows_and_rate(triton: Triton, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,title\n" + "".join(f"{number},cotton\n" for number in range(300)))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [
        sys.executable,
        "-m",
        "product_tagger_client",
        "--url",
        triton.grpc,
        "--file",
        "in.csv",
        "--output",
        "out.csv",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "client")}
    subprocess.run(command, cwd=tmp_path, env=environment, stderr=slave, check=True)
    os.close(slave)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert "300/300" in shown and "rows/s" in shown


def test_interrupted_by_a_signal_it_tells_the_way_on(triton: Triton, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,title\n" + "".join(f"{number},cotton\n" for number in range(20_000)))
    command = [
        sys.executable,
        "-m",
        "product_tagger_client",
        "--url",
        triton.grpc,
        "--file",
        "in.csv",
        "--output",
        "out.csv",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "client")}
    for stop in ("INT", "TERM"):
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        journal = tmp_path / "out.csv.tagging" / "journal.jsonl"
        before = journal.stat().st_size if journal.exists() else 0
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > before + 20_000):
            pass
        process.send_signal({"INT": 2, "TERM": 15}[stop])
        _, told = process.communicate()
        assert process.returncode == 130
        assert told.strip() == "tag: interrupted; the finished rows are kept: run it again to go on"
