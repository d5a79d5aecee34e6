"""Command line that edits and maps a taxonomy: `python -m catalog taxonomy add | move | merge | rename | map`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from catalog.editing.mapping_file import DECIDED, PROPOSED, UNSURE, read_decided, write_mapping
from catalog.editing.taxonomy_file import TaxonomyFile
from catalog.mapping import propose
from catalog.taxonomy_files import read_taxonomy


def main(arguments: Sequence[str]) -> int:
    """Runs one edit; returns the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m catalog taxonomy",
        description="Edit the categories of a taxonomy.yaml or of a checkpoint's taxonomy.json, or map them to others.",
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
    command = commands.add_parser("map", help="propose a node of another taxonomy for each category, as a CSV")
    command.add_argument("file", type=Path, metavar="FILE", help="the shop's: .yaml, .txt of paths, or taxonomy.json")
    command.add_argument("--to", type=Path, required=True, metavar="FILE", help="the other one, likewise")
    command.add_argument("--output", type=Path, default=Path("mapping.csv"), metavar="CSV", help="default: %(default)s")
    command.add_argument(
        "--least", type=_share, default=0.6, metavar="P", help="least confidence to be used, 0 to 1 (default: 0.6)"
    )
    options = parser.parse_args(arguments)
    if options.command == "map":
        return _map(options.file, options.to, options.output, options.least)
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


def _map(own: Path, other: Path, output: Path, least: float) -> int:
    source, target = read_taxonomy(own), read_taxonomy(other)
    decided = read_decided(output, target)
    counts = write_mapping(output, propose(source, target), decided, target, least)
    told = ", ".join(f"{counts[status]:,} {status}" for status in (DECIDED, PROPOSED, UNSURE))
    print(f"{output}: {told}. Correct a node, or empty it, and write {DECIDED!r} as its status: the next run keeps it.")
    return 0


def _share(value: str) -> float:
    share = float(value)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{value} is not between 0 and 1")
    return share


def _take_names(command: argparse.ArgumentParser) -> None:
    text = "display name, such as zh=厨房; repeatable"
    command.add_argument("--name", type=_name, action="append", default=[], metavar="LANG=NAME", help=text)


def _name(value: str) -> tuple[str, str]:
    language, equals, name = value.partition("=")
    if not (language.strip() and equals and name.strip()):
        raise argparse.ArgumentTypeError(f"{value!r} is not LANG=NAME, such as zh=厨房")
    return language.strip(), name.strip()
