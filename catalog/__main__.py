"""Command line of the catalogue stage: `python -m catalog prepare | check FILE | demo | taxonomy`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from catalog.prepare import CONFLICTS, Prepared, check, prepare
from catalog.prepared import SPLITS
from catalog.readers import read_options
from catalog.removals import Removals, find_removals
from settings import CatalogSettings, add_settings_options, load_settings
from steps import run_command

_NAME_WIDTH = 70
MOST_ALIKE = 5
MOST_LANGUAGES = 8
MOST_LISTED = 50
"""So many categories are shown on the terminal; summary.json has all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the process's exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["demo"]:
        from catalog.demo.command import main as demo  # needs scikit-learn, which preparing doesn't

        return run_command(lambda: demo(arguments[1:]))
    if arguments[:1] == ["taxonomy"]:
        from catalog.editing.command import main as edit  # needs a YAML library of its own

        return run_command(lambda: edit(arguments[1:]))
    parser = argparse.ArgumentParser(prog="python -m catalog", description="From a shop's catalogue to build/catalog.")
    commands = parser.add_subparsers(dest="command", required=True)
    shared = add_settings_options(argparse.ArgumentParser(add_help=False))
    command = commands.add_parser("prepare", parents=[shared], help="clean the catalogue and split it")
    command.add_argument("--force", action="store_true", help="prepare again even if nothing has changed")
    command = commands.add_parser("check", parents=[shared], help="check a catalogue file and write nothing")
    command.add_argument("file", type=Path)
    command.add_argument(
        "--show", type=_count, default=0, metavar="N", help="show what cleaning took from N products, drawn at random"
    )
    commands.add_parser("demo", help="write the built-in catalogue (see `demo --help`)", add_help=False)
    commands.add_parser("taxonomy", help="edit or map a taxonomy (see `taxonomy --help`)", add_help=False)
    options = parser.parse_args(arguments)
    return run_command(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    settings = load_settings(options.config, options.set)
    if options.command == "check":
        return _check(options.file, settings.catalog, options.show)
    started = time.monotonic()
    prepared = prepare(settings, force=options.force)
    if not prepared.up_to_date:
        _print_prepared(prepared, time.monotonic() - started)
    return 0


def _print_prepared(prepared: Prepared, seconds: float) -> None:
    summary = prepared.summary
    rejects = summary["rejects"]
    print(f"{sum(summary['rows_read'].values()):,} rows read, {rejects['rows']:,} rejected ({rejects['share']:.2%}).")
    _print_continuations(summary["continuations"])
    _print_reasons(rejects["reasons"], "rejected")
    _print_reasons(summary["left_out"], "left out")
    _print_told(summary["told"])
    twins = summary["near_duplicates"]
    print(
        f"{twins['products']:,} products are variants or near-duplicates of another, in {twins['groups']:,} groups "
        "that share a part.\n"
    )
    splits = summary["splits"]
    names = list(dict.fromkeys(name for split in SPLITS for name in splits[split]["categories"]))
    listed = names[:MOST_LISTED]
    _print_table("category", {name: [splits[split]["categories"].get(name, 0) for split in SPLITS] for name in listed})
    _print_more(len(names))
    _print_table("language", _languages([splits[split]["languages"] for split in SPLITS]))
    totals = {"all": [splits[split]["products"] for split in SPLITS]}
    _print_table("total", {**totals, "with tags": [splits[split]["with_tags"] for split in SPLITS]})
    taxonomy = summary["taxonomy"]
    print(f"Taxonomy ({taxonomy['from']}): {taxonomy['categories']} categories, {taxonomy['tags']} tags", end="")
    print(f"; {taxonomy['rare_tags_left_out']} rare tags left out." if taxonomy["rare_tags_left_out"] else ".")
    if taxonomy["unknown_tags"]:
        print(f"Tags that are not in the taxonomy, left out: {_top(taxonomy['unknown_tags'])}.")
    _print_look_alikes(taxonomy["look_alikes"])
    weights = summary["weights"]
    if weights["least"] != weights["most"]:
        print(f"Sample weights {weights['least']:.2f} to {weights['most']:.2f}, mean {weights['mean']:.2f}.")
    if any(conflict["texts"] for conflict in summary["conflicts"].values()):
        print(f"Each text with different labels, and its products: {prepared.directory / CONFLICTS}")
    if rejects["rows"] or summary["left_out"]:
        print(f"Each of these rows with its reason: {prepared.directory / 'rejects.jsonl'}")
    print(f"{prepared.directory} written in {seconds:.1f} s.")
    if summary["missing"]:
        print(f"warning: {summary['missing']}", file=sys.stderr)


def _count(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value} is not 1 or more")
    return number


def _check(path: Path, options: CatalogSettings, show: int) -> int:
    checked = check(path, options)
    ingest, rejects = checked.ingest, checked.rejects
    read, rejected = ingest.rows_read["train"], ingest.rows_rejected["train"]
    for reject in rejects:
        print(f"{reject.file}:{reject.line}: {reject.reason}: {reject.detail}")
    if rejected > len(rejects):
        print(f"… and {rejected - len(rejects):,} more")
    print(f"{read:,} rows read, {len(ingest):,} usable, {rejected:,} rejected.")
    _print_continuations(ingest.notes.continuations)
    _print_reasons(ingest.reject_reasons, "rejected")
    _print_told([ingest.line_counts.sentence(), *ingest.notes.sentences(), *checked.told])
    if len(ingest):
        counts = zip(np.bincount(ingest.category_numbers).tolist(), ingest.categories.ids, strict=True)
        most = sorted(counts, reverse=True)
        _print_table("category", {name: [count] for count, name in most[:MOST_LISTED]}, ("products",))
        _print_more(len(most))
        spoken = np.bincount(ingest.language_numbers, minlength=len(ingest.languages)).tolist()
        _print_table("language", _languages([dict(zip(ingest.languages, spoken, strict=True))]), ("products",))
    if ingest.unknown_tags:
        print(f"Tags that are not in the taxonomy: {_top(ingest.unknown_tags)}.")
    _print_look_alikes(ingest.look_alikes())
    if show:
        _print_removals(find_removals(path, read_options(options), show))
    if ingest.reject_share > options.max_reject_share:
        limit = f"catalog.max_reject_share = {options.max_reject_share:g}"
        print(f"error: more than {limit} rejected: `prepare` would stop", file=sys.stderr)
        return 1
    return 0


def _print_removals(found: Removals) -> None:
    most = f"; {len(found.samples):,} of them" if len(found.samples) < found.changed else ""
    print(f"Cleaning changed the texts of {found.changed:,} of {found.products:,} products{most}:")
    for sample in found.samples:
        print(f"  {sample.line} {sample.id}: {sample.marked}")


def _print_continuations(rows: int) -> None:
    if rows:
        print(f"{rows:,} more rows continue a product: variants, pictures, store views.")


def _print_reasons(reasons: Mapping[str, int], verb: str) -> None:
    for reason, count in reasons.items():
        print(f"  {count:>9,} {verb}: {reason}")


def _print_told(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        print(sentence)


def _print_table(title: str, rows: Mapping[str, Sequence[int]], columns: Sequence[str] = SPLITS) -> None:
    width = max(28, min(max(map(len, rows), default=0) + 1, _NAME_WIDTH))
    print(f"{title:<{width}}" + "".join(f"{name:>12}" for name in columns))
    for name, values in rows.items():
        print(f"{name[: width - 1]:<{width}}" + "".join(f"{value:>12,}" for value in values))
    print()


def _print_more(categories: int) -> None:
    if categories > MOST_LISTED:
        print(f"… and {categories - MOST_LISTED:,} categories more\n")


def _languages(parts: Sequence[Mapping[str, int]]) -> dict[str, list[int]]:
    """Language → products of each part; the rare ones, which may be short titles told wrongly, together as `other`."""
    totals: Counter[str] = Counter()
    for part in parts:
        totals.update(part)
    told = [name for name, count in totals.most_common(MOST_LANGUAGES) if count >= 0.01 * sum(totals.values())]
    rows = {name: [part.get(name, 0) for part in parts] for name in told}
    if len(totals) > len(told):
        rows["other"] = [sum(count for name, count in part.items() if name not in rows) for part in parts]
    return rows


def _print_look_alikes(pairs: Mapping[str, Sequence[Sequence[str]]]) -> None:
    for kind, alike in pairs.items():
        if alike:
            told = "; ".join(f"{one} and {other}" for one, other in alike[:MOST_ALIKE])
            more = f"; and {len(alike) - MOST_ALIKE} pairs more" if len(alike) > MOST_ALIKE else ""
            print(f"These {kind} look alike, and stay apart: {told}{more}.")
    if any(pairs.values()):
        print("To join two, make one a synonym of the other in a taxonomy: docs/how-to/write-a-taxonomy.md")


def _top(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: -item[1])[:10]
    return ", ".join(f"{name} ({count:,})" for name, count in most) + (", …" if len(counts) > 10 else "")


if __name__ == "__main__":
    sys.exit(main())
