"""Writes docs/reference/settings.md and docs/reference/commands.md from the code: `python -m docs.generate`.

A test fails when the pages are not what the code says.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from unittest.mock import patch

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from settings import Settings, add_settings_options
from settings.section import Section

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
COMMANDS = {
    "python -m catalog": "catalog.__main__",
    "python -m catalog demo": "catalog.demo.command",
    "python -m catalog taxonomy": "catalog.editing.command",
    "python -m catalog.leakage": "catalog.leakage.__main__",
    "python -m training": "training.__main__",
    "python -m training.base": "training.base.__main__",
    "python -m export": "export.__main__",
    "python -m serving": "serving.__main__",
    "python -m gateway": "gateway.__main__",
    "python -m demo": "demo.__main__",
    "python -m deploy": "deploy.__main__",
    "python -m loadtest.locust": "loadtest.locust.__main__",
    "python -m loadtest.perf": "loadtest.perf.__main__",
    "python -m loadtest.bench": "loadtest.bench.__main__",
    "python -m loadtest.large": "loadtest.large.__main__",
    "python -m loadtest.switching": "loadtest.switching.__main__",
    "python -m quality": "quality.__main__",
    "python -m settings": "settings.__main__",
    "tag": "product_tagger_client.command",
}
"""Each command and the module whose `main` parses its arguments."""
_TYPES = {bool: "`true`, `false`", int: "whole number", float: "number", str: "text", Path: "path"}
_BOUNDS = {Ge: "≥ {0.ge:g}", Gt: "> {0.gt:g}", Le: "≤ {0.le:g}", Lt: "< {0.lt:g}"}


class _Parser(BaseException):
    """Carries a command's parser out of its `main`; no command catches it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def settings_page() -> str:
    """The page of all settings, by section."""
    lines = [
        "# Settings",
        "",
        "All settings of [tagger.yaml](../../tagger.yaml). This page is made from the code: `python -m docs.generate`.",
        "",
        '- For one command: `--set section.key=value`, or with make `SET="section.key=value"`.',
        "- To stay: a file of your own that holds only what differs, `--config FILE`, or with make `CONFIG=FILE`.",
        "",
        "An unknown key is an error that names the nearest known one.",
    ]
    lines += ["", *_settings_table(Settings(), "")]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The page of make's targets and variables, and of every command with its options."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shared = add_settings_options(argparse.ArgumentParser(add_help=False))
    lines = [
        "# Commands",
        "",
        "This page is made from the code: `python -m docs.generate`.",
        "",
        "`make` calls the commands further below. They run in the project's folder and environment: "
        "`. .venv/bin/activate` first. Those that read settings take two options more:",
        "",
        "| option | what |",
        "|---|---|",
        *_rows("", shared),
        "",
        "## make",
        "",
        "| target | what |",
        "|---|---|",
        *(f"| `make {name}` | {_cell(told)} |" for name, told in make_targets(makefile).items()),
        "",
        "| variable | what |",
        "|---|---|",
        *(f"| `{_cell(name)}` | {_cell(told)} |" for name, told in make_variables(makefile).items()),
    ]
    for command in COMMANDS:
        parser = parser_of(command)
        lines += ["", f"## {command}", "", _sentence(parser.description or ""), *_options(command, parser)]
        for name, told, below in _subcommands(parser):
            if f"{command} {name}" not in COMMANDS:
                lines += ["", f"### {command} {name}", "", _sentence(told), *_options(f"{command} {name}", below)]
    return "\n".join(lines) + "\n"


def parser_of(command: str) -> argparse.ArgumentParser:
    """The argument parser of one of `COMMANDS`."""

    def found(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        raise _Parser(parser)

    main: Callable[[list[str]], object] = importlib.import_module(COMMANDS[command]).main
    with patch.object(argparse.ArgumentParser, "parse_known_args", found):
        try:
            main([])
        except _Parser as carrier:
            return carrier.parser
    raise AssertionError(f"{command} parses no arguments")


def make_targets(makefile: str) -> dict[str, str]:
    """Target → what `make help` says of it."""
    return dict(re.findall(r"^([a-z]+):.*## (.*)$", makefile, re.MULTILINE))


def make_variables(makefile: str) -> dict[str, str]:
    """Variable with an example → what the Makefile's head says of it."""
    return dict(re.findall(r"^#   ([A-Z_]+=(?:[\"'][^\"']*[\"']|\S*)) +(.*)$", makefile, re.MULTILINE))


def _settings_table(section: Section, prefix: str) -> Iterator[str]:
    plain = [(name, field) for name, field in type(section).model_fields.items() if not _is_section(section, name)]
    if plain:
        yield from ("| setting | default | values | what |", "|---|---|---|---|")
    for name, field in plain:
        default = section.model_dump(mode="json", include={name})[name]
        shown = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
        yield f"| `{prefix}{name}` | `{shown}` | {_values(field)} | {_cell(field.description or '')} |"
    for name in type(section).model_fields:
        if _is_section(section, name):
            below: Section = getattr(section, name)
            path = f"{prefix}{name}"
            yield from ("", f"{'##' if not prefix else '###'} {path}", "", _cell(type(below).__doc__ or ""), "")
            yield from _settings_table(below, f"{path}.")


def _is_section(section: Section, name: str) -> bool:
    return isinstance(getattr(section, name), Section)


def _values(field: FieldInfo) -> str:
    bounds = [_bound(mark) for mark in field.metadata]
    return ", ".join([_type(field.annotation), *filter(None, bounds)])


def _type(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(part) for part in parts)
    if hasattr(annotation, "__metadata__"):
        return ", ".join([_type(parts[0]), *filter(None, map(_bound, _marks(annotation.__metadata__)))])
    if origin is list:
        return f"list of: {_type(parts[0])}"
    if origin is dict:
        return "mapping"
    if annotation is types.NoneType:
        return "`null`"
    return _TYPES[annotation]


def _marks(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for mark in metadata:
        yield from mark.metadata if isinstance(mark, FieldInfo) else [mark]


def _bound(mark: Any) -> str:
    template = _BOUNDS.get(type(mark))
    return template.format(mark) if template else ""


def _options(command: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    rows = [row for row in _rows(command, parser) if not row.startswith(("| `--config ", "| `--set "))]
    if rows:
        yield from ("", "| option | what |", "|---|---|", *rows)


def _rows(command: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
            continue
        wanted = " ".join(_metavars(action))
        names = ", ".join(f"{option} {wanted}".strip() for option in action.option_strings) or wanted
        told = (action.help or "") % {**vars(action), "prog": command}
        yield f"| `{_cell(names)}` | {_cell(told)} |"


def _metavars(action: argparse.Action) -> list[str]:
    if action.nargs == 0:
        return []
    if action.metavar is None and action.choices is not None:
        return ["|".join(map(str, action.choices))]
    metavar = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    names = [metavar] if isinstance(metavar, str) else list(metavar)
    return [f"[{name} …]" for name in names] if action.nargs in ("*", "+") else names


def _subcommands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                yield name, told.get(name, ""), below


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Writes both pages; returns the process's exit status."""
    (REFERENCE / "settings.md").write_text(settings_page(), encoding="utf-8")
    (REFERENCE / "commands.md").write_text(commands_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
