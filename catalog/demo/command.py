"""Command line of the demo catalogue: writes it, counts what is in it, and says how far a linear model gets."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from catalog.baseline import LinearBaseline
from catalog.cleaning import clean_text
from catalog.demo import write_demo
from catalog.demo.vocabulary import load_vocabulary
from catalog.heads import CATEGORY, TAG
from catalog.prepared import Example
from catalog.record import raw_text
from catalog.taxonomy import Taxonomy

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Score:
    """How good predictions are on some products.

    Attributes:
        products: how many.
        accuracy: share of right categories.
        category_f1: macro-F1 of the categories.
        tag_micro_f1: micro-F1 of the tags; `tag_macro_f1` likewise.
    """

    products: int
    accuracy: float
    category_f1: float
    tag_micro_f1: float
    tag_macro_f1: float


def main(arguments: Sequence[str]) -> int:
    """Run the command; return the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m catalog demo",
        description="Write the built-in demo catalogue and measure a linear baseline on it.",
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
    print(
        f"{len(kinds)} tags: " + ", ".join(f"{count} {kind}" for kind, count in Counter(kinds.values()).items()) + "\n"
    )

    started = time.perf_counter()
    scores = measure_baseline(splits, Taxonomy.from_yaml(options.out / "demo.taxonomy.yaml"))
    print(f"TF-IDF + linear on the test split ({time.perf_counter() - started:.1f} s):")
    print(f"{'':<10}{'products':>10}{'category accuracy':>20}{'macro-F1':>10}{'tags micro-F1':>16}{'macro-F1':>10}")
    for name, score in scores.items():
        print(
            f"{name:<10}{score.products:>10,}{score.accuracy:>20.3f}{score.category_f1:>10.3f}"
            f"{score.tag_micro_f1:>16.3f}{score.tag_macro_f1:>10.3f}"
        )
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


def measure_baseline(splits: Mapping[str, Sequence[Example]], taxonomy: Taxonomy) -> dict[str, Score]:
    """Fit the linear baseline on the training split and score it on the test split: all of it, then by language."""
    baseline = LinearBaseline().fit(splits["train"], taxonomy, splits["validation"])
    test = splits["test"]
    texts = [example.text for example in test]
    targets = taxonomy.layout.encode(test)
    categories, tags = targets[CATEGORY], targets[TAG]
    found, found_tags = baseline.category_probabilities(texts).argmax(axis=1), baseline.tag_predictions(texts)
    languages = np.array([example.lang for example in test])

    def score(rows: Any) -> Score:
        return Score(
            products=int(rows.sum()),
            accuracy=float((found == categories)[rows].mean()),
            category_f1=float(f1_score(categories[rows], found[rows], average="macro")),
            tag_micro_f1=float(f1_score(tags[rows], found_tags[rows], average="micro", zero_division=0)),
            tag_macro_f1=float(f1_score(tags[rows], found_tags[rows], average="macro", zero_division=0)),
        )

    everything = {"all": score(np.ones(len(test), dtype=bool))}
    return everything | {language: score(languages == language) for language in sorted(set(languages.tolist()))}


def _print_counts(title: str, splits: Mapping[str, Sequence[Example]], values: Any) -> None:
    counts = {split: Counter(_flat(values(example) for example in examples)) for split, examples in splits.items()}
    print(f"\n{title:<14}" + "".join(f"{split:>12}" for split in splits))
    for value in counts["train"]:
        print(f"{value:<14}" + "".join(f"{counts[split][value]:>12,}" for split in splits))
    totals = (sum(counts[split].values()) for split in splits)
    print(f"{'total':<14}" + "".join(f"{total:>12,}" for total in totals))


def _flat(values: Iterable[Sequence[str]]) -> Iterable[str]:
    return (value for part in values for value in part)
