"""Finds the same text with different labels, and writes it to a file that a person can work through.

One text under two categories teaches the model that neither is right, and costs it one of the two in the test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from catalog.grouping.arrays import mixed, run_starts, sums

MOST_WRITTEN = 20_000
"""Texts that the file tells of, at most."""
MOST_PRODUCTS = 50
"""Products that are written for each of them, at most."""
_EXAMPLES = 3
_TEXT_SHOWN = 60


@dataclass(frozen=True)
class Conflict:
    """Texts with different labels of one kind.

    Attributes:
        kind: `category`, or `tags` where the category is the same.
        texts: How many texts.
        products: How many products have one of these texts.
        rows: Row numbers of the first MOST_WRITTEN texts' products.
    """

    kind: str
    texts: int
    products: int
    rows: Sequence[NDArray[np.int64]]


def find_conflicts(
    texts: NDArray[np.uint64],
    categories: NDArray[np.int64],
    tags: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> list[Conflict]:
    """Finds texts with different labels.

    Args:
        texts: [N] a number for each product's text.
        categories: [N] category numbers.
        tags: Tag numbers of all products one after the other, and [N + 1] where each product's start. A product
            without tags contradicts none.

    Returns:
        Both kinds.
    """
    order = np.argsort(texts, kind="stable")
    if not len(order):
        return [Conflict(kind, 0, 0, ()) for kind in ("category", "tags")]
    starts = run_starts(texts[order])
    in_category = _differ(categories[order].astype(np.uint64), starts)
    tag_sets = sums(mixed(tags[0].astype(np.uint64)), tags[1])[order]
    tagged = np.diff(tags[1])[order] > 0
    most, least = np.where(tagged, tag_sets, 0), np.where(tagged, tag_sets, np.iinfo(np.uint64).max)
    in_tags = (np.maximum.reduceat(most, starts) > np.minimum.reduceat(least, starts)) & ~in_category
    ends = np.append(starts[1:], len(order))
    return [
        _conflict(kind, found, order, starts, ends) for kind, found in (("category", in_category), ("tags", in_tags))
    ]


def _differ(values: NDArray[np.uint64], starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    different: NDArray[np.bool_] = np.minimum.reduceat(values, starts) != np.maximum.reduceat(values, starts)
    return different


def _conflict(
    kind: str,
    found: NDArray[np.bool_],
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> Conflict:
    places = np.flatnonzero(found)
    # By the first product of each text, as the catalogue has them; the sort before was stable.
    places = places[np.argsort(order[starts[places]], kind="stable")]
    rows = [order[starts[place] : ends[place]] for place in places[:MOST_WRITTEN].tolist()]
    return Conflict(kind, len(places), int((ends - starts)[places].sum()), rows)


def rows_to_show(conflicts: Iterable[Conflict]) -> set[int]:
    """The row numbers whose texts `conflict_lines` needs."""
    return {row for conflict in conflicts for rows in conflict.rows for row in rows[:MOST_PRODUCTS].tolist()}


def conflict_lines(
    conflicts: Iterable[Conflict], texts: Mapping[int, Mapping[str, str]], labels: Callable[[int], Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Makes the lines of conflicts.jsonl.

    Args:
        conflicts: What was found.
        texts: Row number → the product's `id` and `text`, for `rows_to_show`.
        labels: Row number → `file`, `line`, `category` and `tags` of the product.

    Yields:
        The kind of conflict, the text, how many products have it, and the first MOST_PRODUCTS of them.
    """
    for conflict in conflicts:
        for rows in conflict.rows:
            shown = rows[:MOST_PRODUCTS].tolist()
            yield {
                "conflict": conflict.kind,
                "text": texts[shown[0]]["text"],
                "count": len(rows),
                "products": [{"id": texts[row]["id"], **labels(row)} for row in shown],
            }


def write_conflicts(stream: IO[str], lines: Iterable[Mapping[str, Any]]) -> None:
    """Writes conflicts.jsonl."""
    for line in lines:
        stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def conflict_sentences(conflicts: Iterable[Conflict], lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Says how many conflicts there are, with examples from the lines."""
    what = {"category": "stand under several categories", "tags": "stand under one category with different tags"}
    told = []
    for conflict in conflicts:
        if conflict.texts:
            examples = [line for line in lines if line["conflict"] == conflict.kind][:_EXAMPLES]
            shown = "; ".join(f"{_short(line['text'])} ({_labels(line)})" for line in examples)
            count = f"{conflict.texts:,} texts ({conflict.products:,} products)"
            told.append(f"{count} {what[conflict.kind]}, for instance {shown}.")
    return told


def _labels(line: Mapping[str, Any]) -> str:
    if line["conflict"] == "category":
        return ", ".join(dict.fromkeys(product["category"] for product in line["products"]))
    return " / ".join(dict.fromkeys(", ".join(product["tags"]) for product in line["products"] if product["tags"]))


def _short(text: str) -> str:
    return repr(text if len(text) <= _TEXT_SHOWN else text[: _TEXT_SHOWN - 1] + "…")
