"""Command line that edits a taxonomy: `python -m catalog taxonomy add | move | merge | rename`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from catalog.editing.taxonomy_file import TaxonomyFile


def main(arguments: Sequence[str]) -> int:
    """Runs one edit; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m catalog taxonomy",
        description="Edit the categories of a taxonomy.yaml or of a checkpoint's taxonomy.json, and log what changed.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("file", type=Path, metavar="FILE", help="taxonomy.yaml, or build/checkpoint/taxonomy.json")
    shared.add_argument("category", help="its id, a name of its own, or its path")
    command = commands.add_parser("add", parents=[shared], help="add a category")
    command.add_argument("--parent", metavar="CATEGORY", help="the category above it; none: a root")
    _take_names(command)
    command.add_argument("--synonym", action="append", default=[], metavar="WORD", help="another word; repeatable")
    command = commands.add_parser("move", parents=[shared], help="put a category below another one")
    place = command.add_mutually_exclusive_group(required=True)
    place.add_argument("--parent", metavar="CATEGORY", help="the category above it")
    place.add_argument("--root", action="store_true", help="nothing above it")
    command = commands.add_parser("merge", parents=[shared], help="make a category a part of another one")
    command.add_argument("--into", required=True, metavar="CATEGORY", help="the one that stays")
    command = commands.add_parser("rename", parents=[shared], help="give a category another id or display name")
    command.add_argument("--id", metavar="ID", help="the new id; the old one becomes a synonym")
    _take_names(command)
    options = parser.parse_args(arguments)
    file = TaxonomyFile(options.file)
    if options.command == "add":
        told = file.add(options.category, options.parent, dict(options.name), options.synonym)
    elif options.command == "move":
        told = file.move(options.category, options.parent)
    elif options.command == "merge":
        told = file.merge(options.category, options.into)
    else:
        if options.id is None and not options.name:
            parser.error("rename needs --id or --name")
        told = file.rename(options.category, options.id, dict(options.name))
    print(told)
    return 0


def _take_names(command: argparse.ArgumentParser) -> None:
    text = "display name, such as zh=厨房; repeatable"
    command.add_argument("--name", type=_name, action="append", default=[], metavar="LANG=NAME", help=text)


def _name(value: str) -> tuple[str, str]:
    language, equals, name = value.partition("=")
    if not (language.strip() and equals and name.strip()):
        raise argparse.ArgumentTypeError(f"{value!r} is not LANG=NAME, such as zh=厨房")
    return language.strip(), name.strip()
