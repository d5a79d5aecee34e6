"""tagger.yaml beside the schema: the same keys, defaults and comments; and what prints it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from settings import Settings, load_settings
from settings.__main__ import main
from settings.render import render_settings
from settings.section import Section

FILE = Path(__file__).parents[2] / "tagger.yaml"


def test_tagger_yaml_holds_every_setting_with_its_default_and_its_comment() -> None:
    advice = (
        "tagger.yaml is not what the schema says: `python -m settings --defaults > tagger.yaml`. "
        "Settings of your own belong in another file, named with CONFIG=."
    )
    assert FILE.read_text(encoding="utf-8") == render_settings(Settings()), advice


def undocumented(section: Section, place: str = "") -> Iterator[str]:
    """Settings without a word on what they mean."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            assert type(value).__doc__
            yield from undocumented(value, f"{place}{name}.")
        elif not field.description:
            yield f"{place}{name}"


def test_every_setting_says_what_it_means() -> None:
    assert list(undocumented(Settings())) == []


def test_what_is_rendered_reads_back_as_the_same_settings(tmp_path: Path) -> None:
    settings = load_settings(
        FILE,
        ["catalog.columns={title: '标题: name'}", "catalog.taxonomy=a b.yaml", "catalog.limit=3", "serving.threads=2"],
    )
    path = tmp_path / "rendered.yaml"
    path.write_text(render_settings(settings), encoding="utf-8")
    assert load_settings(path) == settings


def test_lines_fit_the_screen() -> None:
    assert max(len(line) for line in render_settings(Settings()).splitlines()) <= 120


def test_the_command_prints_the_settings_that_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(FILE), "--set", "training.epochs=9"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["training"]["epochs"] == 9


def test_the_command_tells_a_mistake_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", "training.epoch=9"]) == 1
    printed = capsys.readouterr()
    assert (
        printed.err == "error: --set training.epoch=9: unknown key `training.epoch`. Did you mean `training.epochs`?\n"
    )
    assert not printed.out
