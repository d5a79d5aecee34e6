"""What the rows of a catalogue have in common: groups of variants, groups that are too large, labels in conflict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from catalog.conflicts import conflict_lines, conflict_sentences, find_conflicts, rows_to_show, write_conflicts
from catalog.grouping import ProductKeys, large_groups
from catalog.ingest import Ingest
from catalog.prepared import SPLITS

MOST_LARGE = 20
"""Large groups that are told, at most."""
_TITLE_SHOWN = 80


class Findings:
    """What was found among the accepted rows.

    Attributes:
        groups: [N] the lowest row number of each row's group.
        sentences: What is told of conflicts and large groups.
    """

    def __init__(self, ingest: Ingest, keys: ProductKeys, files: Mapping[str, Path], spool: Iterable[str]) -> None:
        """Looks at all rows together.

        Args:
            ingest: The accepted rows.
            keys: What they are grouped by.
            files: Part → its file.
            spool: The products' ids and texts in the rows' order, an unfinished JSON object a line.
        """
        self.groups = keys.groups()
        self._given = len(np.unique(keys.given[keys.given > 0]))
        self._large = large_groups(self.groups, ingest.category_numbers)
        self._conflicts = find_conflicts(keys.texts, ingest.category_numbers, ingest.tag_numbers)
        self._names = ingest.categories.ids
        shown = rows_to_show(self._conflicts) | {group.first for group in self._large[:MOST_LARGE]}
        self._texts = _texts(spool, shown)
        self._lines = list(conflict_lines(self._conflicts, self._texts, _labels_of(ingest, files)))
        self.sentences = [*self._large_sentences(), *conflict_sentences(self._conflicts, self._lines)]

    def to_json(self) -> dict[str, Any]:
        """Returns what summary.json says of it."""
        sizes = np.bincount(self.groups)
        several = sizes[sizes > 1]
        return {
            "near_duplicates": {
                "groups": len(several),
                "products": int(several.sum()),
                "largest": int(sizes.max()),
                "given_groups": self._given,
                "large_groups": [
                    {"category": self._names[group.category], "products": group.products, "of": group.of,
                     "text": self._texts[group.first]["text"]}
                    for group in self._large[:MOST_LARGE]
                ],
            },
            "conflicts": {
                conflict.kind: {"texts": conflict.texts, "products": conflict.products} for conflict in self._conflicts
            },
        }  # fmt: skip

    def write_conflicts(self, path: Path) -> None:
        """Writes conflicts.jsonl; empty where there are none."""
        with path.open("w", encoding="utf-8") as stream:
            write_conflicts(stream, self._lines)

    def _large_sentences(self) -> list[str]:
        told = []
        for group in self._large[:MOST_LARGE]:
            text = self._texts[group.first]["text"]
            text = text if len(text) <= _TITLE_SHOWN else text[: _TITLE_SHOWN - 1] + "…"
            told.append(
                f"One group of variants and near-duplicates holds {group.products:,} of {group.of:,} products of the "
                f"category {self._names[group.category]!r} ({group.products / group.of:.0%}), which go to one part "
                f"together: {text!r} …"
            )
        if len(self._large) > MOST_LARGE:
            told.append(f"… and {len(self._large) - MOST_LARGE:,} more groups hold a third of a category or more.")
        return told


def _texts(spool: Iterable[str], rows: set[int]) -> dict[int, dict[str, str]]:
    """Row number → the product's id and text."""
    if not rows:
        return {}
    return {row: json.loads(line[:-1] + "}") for row, line in enumerate(spool) if row in rows}


def _labels_of(ingest: Ingest, files: Mapping[str, Path]) -> Callable[[int], dict[str, Any]]:
    """Returns what tells a row's place, category and tags."""
    parts, lines, categories = ingest.parts, ingest.lines, ingest.category_numbers
    numbers, starts = ingest.tag_numbers

    def labels(row: int) -> dict[str, Any]:
        return {
            "file": files[SPLITS[parts[row]]].name,
            "line": int(lines[row]),
            "category": ingest.categories.ids[categories[row]],
            "tags": [ingest.tags.ids[number] for number in numbers[starts[row] : starts[row + 1]]],
        }

    return labels
