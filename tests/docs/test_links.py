"""What the pages link to and name is there: pages, their sections, files, settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from settings import Settings
from tests.docs.pages import PAGES, ROOT, name, prose

SECTIONS = "|".join(Settings.model_fields)
FOLDERS = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "build")))
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_to_a_file_and_to_a_section_of_it(page: Path) -> None:
    for target, anchor in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{name(page)} links to {target}"
        if anchor:
            assert anchor in anchors(path), f"{name(page)} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_page_but_the_readmes_is_linked_from_another(page: Path) -> None:
    linked = {
        (other.parent / target).resolve()
        for other in PAGES
        if other != page
        for target, _ in LINK.findall(other.read_text(encoding="utf-8"))
    }
    assert page in linked or page.parent == ROOT


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    keys = set(re.findall(rf"(?<![\w/.])((?:{SECTIONS})(?:\.[a-z_0-9]+)+)\b", page.read_text(encoding="utf-8")))
    modules = {key for key in keys if (ROOT / key.replace(".", "/")).with_suffix(".py").exists()}
    modules |= {key for key in keys if (ROOT / key.replace(".", "/")).is_dir()}
    settings = {key for key in keys - modules if not key.endswith((".md", ".json", ".png", ".py"))}
    assert settings <= set(known_keys(Settings)), settings - set(known_keys(Settings))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_of_the_project_that_a_page_names_exists(page: Path) -> None:
    paths = set(re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", page.read_text(encoding="utf-8")))
    assert {path for path in paths if not (ROOT / path).exists()} == set()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", prose(page.read_text(encoding="utf-8"))):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """All settings by their dotted names, sections included."""
    for key, field in model.model_fields.items():
        yield prefix + key
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{key}.")


def test_every_page_that_the_code_names_exists() -> None:
    suffixes = {".py", ".pbtxt", ".sh", ".yaml", ".toml", ""}
    for folder in (path for path in ROOT.iterdir() if path.is_dir() and path.name in FOLDERS.split("|")):
        for path in folder.rglob("*"):
            if path.suffix in suffixes and path.is_file() and "__pycache__" not in path.parts:
                for page in re.findall(r"\bdocs/[a-z-]+(?:/[a-z-]+)*\.md\b", path.read_text(encoding="utf-8")):
                    assert (ROOT / page).exists(), f"{path.relative_to(ROOT)} names {page}"
