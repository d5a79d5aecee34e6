"""The pages and their blocks of code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
RUN = ("bash", "python")
"""Languages of blocks that are run."""
SHOWN = ("json", "text", "yaml")
"""Languages of blocks that a reader looks at."""

_BLOCK = re.compile(
    r"^(?:(?P<gap> *)<!-- (?P<mark>.*?) -->\n)?^(?P<indent> *)```(?P<language>\S*)\n(?P<code>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_NOT_RUN = "not run: "


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        page: Where it stands, relative to the checkout.
        line: Its first line there, counted from 1.
        not_run: Why the tests don't run it; None where they do.
    """

    page: str
    line: int
    language: str
    code: str
    not_run: str | None

    @property
    def place(self) -> str:
        """Page and line, for a person and for a test's name."""
        return f"{self.page}:{self.line}"


def name(page: Path) -> str:
    """A page as people call it: its path in the checkout."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    return list(find_blocks(page.read_text(encoding="utf-8"), name(page)))


def find_blocks(text: str, page: str) -> Iterator[Block]:
    """All fenced blocks of a page's text; a comment right before one may say why it isn't run."""
    for found in _BLOCK.finditer(text):
        mark = found["mark"] or ""
        yield Block(
            page=page,
            line=text.count("\n", 0, found.start("language")) + 1,
            language=found["language"],
            code=textwrap.dedent(found["code"]),
            not_run=mark.removeprefix(_NOT_RUN).strip() if mark.startswith(_NOT_RUN) else None,
        )


def prose(text: str) -> str:
    """A page's text without its blocks of code."""
    return _BLOCK.sub("", text)
