"""A small data set of three files, as the suite wants them in a folder."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

WORDS: Mapping[str, tuple[str, ...]] = {
    "apparel": ("cotton", "dress", "shirt", "sleeve"),
    "food": ("green", "tea", "honey", "biscuit"),
    "home": ("wooden", "table", "lamp", "pillow"),
}
SIZES: Mapping[str, int] = {"train": 150, "validation": 30, "test": 60}


def make_rows(count: int, start: int, *, path: bool = True) -> Iterator[dict[str, Any]]:
    """Products whose words give category, path and tag away; every tenth has no category."""
    draw = random.Random(start)
    for number in range(start, start + count):
        category = list(WORDS)[number % len(WORDS)]
        first, second = draw.sample(WORDS[category], 2)
        # Words of its own, so that no product passes for another's variant.
        own = ["".join(draw.choices("abcdefghijklmnoprstuvwy", k=7)) for _ in range(3)]
        row = {"id": f"p{number}", "title": " ".join([first, second, *own]), "tags": [second]}
        if number % 10:
            row |= {"category": category} | ({"category_path": [category, first]} if path else {})
        yield row


def write_set(folder: Path, name: str, sizes: Mapping[str, int] = SIZES, **rows: Any) -> None:
    """Write a data set's files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, (part, count) in enumerate(sizes.items()):
        with gzip.open(folder / f"{name}.{part}.jsonl.gz", "wt", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in make_rows(count, 1000 * place, **rows))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with one data set, `toy`."""
    folder = tmp_path / "data"
    write_set(folder, "toy")
    return folder
