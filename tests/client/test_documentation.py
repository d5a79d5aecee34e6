"""The examples of docs/client.md run as they are written, against the tests' server."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from product_tagger_client.bulk import BulkOptions
from product_tagger_client.command import main

if TYPE_CHECKING:
    from tests.client.conftest import Triton

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, triton: Triton) -> None:
    """A folder with the files the examples name, and a server at the address they don't."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGGER_URL", triton.grpc)
    (tmp_path / "products.csv").write_text("sku,product_name\n1,cotton dress\n")
    (tmp_path / "products.jsonl").write_text('{"title": "cotton dress"}\n')


@pytest.mark.parametrize("example", examples("python"))
def test_each_python_example_runs(
    example: str, triton: Triton, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = example.replace("grpc://127.0.0.1:8001", triton.grpc).replace("http://127.0.0.1:8000", triton.http)
    code = code.replace("BulkOptions(", f"BulkOptions(url={triton.grpc!r}, ")
    exec(compile(code, "docs/client.md", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("example", examples("bash"))
def test_each_command_runs(example: str) -> None:
    for line in example.splitlines():
        command, *arguments = shlex.split(line)
        assert (command, main(arguments)) == ("tag", 0)


def test_the_defaults_named_on_the_page_are_the_real_ones() -> None:
    options = BulkOptions(Path("in"), Path("out"))
    assert f"{options.wait:g} seconds, or `--wait SECONDS`" in PAGE
    assert f"in flight ({options.concurrency})" in PAGE
