"""Command line of the demo catalogue: writes it and counts what is in it."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catalog.cleaning import clean_text
from catalog.demo import write_demo
from catalog.demo.vocabulary import load_vocabulary
from catalog.prepared import Example
from product_tagger_files import raw_text

SPLITS = ("train", "validation", "test")


def main(arguments: Sequence[str]) -> int:
    """Run the command; return the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m catalog demo",
        description="Write the built-in demo catalogue and count what is in it.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/demo-catalogue"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=13, metavar="N", help="default: 13")
    options = parser.parse_args(arguments)

    for path in write_demo(options.out, options.seed):
        print(f"wrote {path}")
    splits = {split: read_examples(options.out / f"demo.{split}.jsonl") for split in SPLITS}
    kinds = load_vocabulary().kinds
    _print_counts("category", splits, lambda example: [example.category])
    _print_counts("language", splits, lambda example: [example.lang])
    _print_counts("tag kind", splits, lambda example: [kinds[tag] for tag in example.tags])
    print(f"{len(kinds)} tags: " + ", ".join(f"{count} {kind}" for kind, count in Counter(kinds.values()).items()))
    return 0


def read_examples(path: Path) -> list[Example]:
    """Read one split of the demo catalogue, its texts cleaned as training cleans them."""
    examples = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            text = raw_text(row.get("title", ""), row.get("description", ""), row.get("attributes"))
            examples.append(Example(row["id"], row["lang"], clean_text(text), row["category"], tuple(row["tags"])))
    return examples


def _print_counts(title: str, splits: Mapping[str, Sequence[Example]], values: Any) -> None:
    counts = {split: Counter(_flat(values(example) for example in examples)) for split, examples in splits.items()}
    print(f"\n{title:<14}" + "".join(f"{split:>12}" for split in splits))
    for value in counts["train"]:
        print(f"{value:<14}" + "".join(f"{counts[split][value]:>12,}" for split in splits))
    totals = (sum(counts[split].values()) for split in splits)
    print(f"{'total':<14}" + "".join(f"{total:>12,}" for total in totals))


def _flat(values: Iterable[Sequence[str]]) -> Iterable[str]:
    return (value for part in values for value in part)
