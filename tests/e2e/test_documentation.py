"""The examples of README.md and docs/api.md run as they are written, against a server of the built-in catalogue."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from settings import load_settings
from tests.e2e.conftest import ROOT, Pipeline

pytestmark = pytest.mark.timeout(900)  # the first test waits for the whole pipeline

PAGES = ("README.md", "README.zh.md", "docs/api.md")


def examples(language: str) -> list[ParameterSet]:
    """The fenced blocks of a language, on all pages."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        found += [pytest.param(block, id=f"{page} {number}") for number, block in enumerate(blocks, 1)]
    return found


def run(command: list[str], served: Pipeline, folder: Path) -> str:
    """Runs an example in a folder of its own; returns what it prints."""
    (folder / "products.jsonl").write_text('{"title": "cotton dress"}\n', encoding="utf-8")
    environment = {
        **os.environ,
        "TAGGER_URL": f"grpc://{served.grpc}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def here(example: str, served: Pipeline) -> str:
    """An example with the test server's addresses in place of the default ones."""
    serving = load_settings(ROOT / "tagger.yaml").serving
    for default, own in ((serving.http_port, served.http), (serving.grpc_port, served.grpc)):
        example = example.replace(f"127.0.0.1:{default}", own)
    return example


@pytest.mark.parametrize("example", examples("bash"))
def test_each_command_works(example: str, served: Pipeline, tmp_path: Path) -> None:
    told = run(["bash", "-euo", "pipefail", "-c", here(example, served)], served, tmp_path)
    if "curl" in example:
        outputs = {output["name"]: output["data"] for output in json.loads(told)["outputs"]}
        assert outputs.get("CATEGORY", ["apparel"])[0] == "apparel"
        assert "SCORES" not in outputs or "category/food" in outputs["SCORES"][0]
    else:
        assert "leather ankle boots" in told


@pytest.mark.parametrize("example", examples("python"))
def test_each_python_example_works(example: str, served: Pipeline, tmp_path: Path) -> None:
    assert "apparel" in run([sys.executable, "-c", here(example, served)], served, tmp_path)


def test_every_page_that_is_linked_is_there() -> None:
    for page in [*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for line in re.findall(r"(?:^    |`)make ([^`#\n]+)", text, re.MULTILINE):
        words = re.sub(r'"[^"]*"', "", line).split()
        assert {word for word in words if "=" not in word} <= known, line


def blocks_and_figures(page: str) -> tuple[list[str], list[str], list[str], int]:
    """A page's examples, the paths and settings it names, the figures of its tables, and its number of sections."""
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE) + re.findall(r"^    .*", text, re.MULTILINE)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    figures = re.findall(r"\d+(?:[.,]\d+)*", "\n".join(tables))
    names = [name for name in re.findall(r"`([^`\n]+)`|\]\(([^)]+)\)", text) if "README" not in name[1]]
    return examples, sorted(set(map(str, names))), figures, len(re.findall(r"^## ", text, re.MULTILINE))


def test_the_chinese_readme_says_the_same_as_the_english_one() -> None:
    assert blocks_and_figures("README.zh.md") == blocks_and_figures("README.md")
