"""What the pages name is there: settings, make's targets, the project's files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))
SECTIONS = "|".join(Settings.model_fields)
FOLDERS = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "build")))


def known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")


def named(pattern: str, page: Path) -> set[str]:
    return set(re.findall(pattern, page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    keys = named(rf"\b((?:{SECTIONS})(?:\.[a-z_0-9]+)+)\b", page)
    settings = {key for key in keys if not key.endswith((".md", ".json", ".png", ".py"))}
    assert settings <= set(known_keys(Settings)), settings - set(known_keys(Settings))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = named(r"(?m)(?:^    |`)make ((?:[a-z]+ )*[a-z]+)(?=[ `\n])", page)
    used = {word for command in commands for word in command.split()}
    assert used <= targets, used - targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    paths = named(rf"`((?:{FOLDERS})/[\w./-]*)`", page) | {
        str(Path(page.parent.name if page.parent != ROOT else ".") / link)
        for link in named(r"\]\(([\w./-]+\.md)(?:#[\w-]+)?\)", page)
    }
    missing = {path for path in paths if not (ROOT / path).exists()}
    assert not missing
