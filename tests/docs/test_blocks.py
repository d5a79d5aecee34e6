"""Every block of the pages is run, or says why not; and every command that a page names exists, run or not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generate import COMMANDS, ROOT, make_targets, make_variables, parser_of
from settings import load_settings
from settings.options import split_pairs
from tests.docs.pages import PAGES, RUN, SHOWN, Block, blocks_of, find_blocks, name

SHELL = [block for page in PAGES for block in blocks_of(page) if block.language == "bash"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(make_targets(MAKEFILE))
VARIABLES = {variable.split("=")[0] for variable in make_variables(MAKEFILE)}

MEASURING = {"bench": "loadtest.bench", "loadtest": "loadtest.locust", "perf": "loadtest.perf", "quality": "quality"}
"""Targets that take OPTIONS → the module that they start."""


def test_a_comment_before_a_block_says_why_it_is_not_run() -> None:
    text = "Do\n\n<!-- not run: needs a GPU -->\n```bash\nmake image\n```\n\n   ```python\n   print(1)\n   ```\n"
    first, second = find_blocks(text, "page.md")
    assert (first.language, first.code, first.not_run) == ("bash", "make image\n", "needs a GPU")
    assert (second.language, second.code, second.not_run, second.line) == ("python", "print(1)\n", None, 8)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_all_code_of_a_page_is_in_blocks_that_name_their_language(page: Path) -> None:
    for block in blocks_of(page):
        assert block.language in (*RUN, *SHOWN), f"{block.place}: name one of {', '.join((*RUN, *SHOWN))}"
        assert block.not_run is None or (block.language in RUN and block.not_run), block.place


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_block_is_set_off_by_spaces_where_no_test_would_find_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.findall(r"(?m)^\n    \S.*$", re.sub(r"(?ms)^( *)```.*?^\1```$", "", text))


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.place)
def test_every_command_of_a_page_exists_with_its_options_and_settings(block: Block) -> None:
    for words in commands(block.code):
        check(words, block.place)


def commands(code: str) -> Iterator[list[str]]:
    """The commands of a block as lists of words; here-documents and comments are left out."""
    code = re.sub(r"(?ms)<<'(\w+)'.*?^\1$", "", code).replace("\\\n", " ")
    line = ""
    for part in code.splitlines():
        line += part
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # a quotation goes on in the next line
            continue
        line = ""
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):  # variables of the environment
            words = words[1:]
        if words:
            yield words


def check(words: list[str], place: str) -> None:
    """One command; those of other projects are left to them."""
    if words[0] == "make":
        check_make(words[1:], place)
        return
    for command in sorted(COMMANDS, key=len, reverse=True):
        parts = command.split()
        if words[: len(parts)] == parts:
            arguments = words[len(parts) :]
            known = arguments[: arguments.index("--")] if "--" in arguments else arguments
            options = parser_of(command).parse_args(known)
            load_settings(ROOT / "tagger.yaml", getattr(options, "set", []))
            return
    assert words[:2] != ["python", "-m"] or words[2].split(".")[0] == "docs", f"{place}: {shlex.join(words)}"


def check_make(words: list[str], place: str) -> None:
    """Targets and variables of make, and the settings in SET."""
    for word in words:
        variable, _, value = word.partition("=")
        assert (variable in VARIABLES) if "=" in word else (word in TARGETS), f"{place}: make knows no {word}"
        if variable == "SET":
            load_settings(ROOT / "tagger.yaml", split_pairs(value))
        if variable == "OPTIONS" and "TARGET=gpu" not in words:
            check(["python", "-m", MEASURING[words[0]], *shlex.split(value)], place)
