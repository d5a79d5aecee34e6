"""The built-in demo catalogue: products in English and Chinese, made from the project's own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from catalog.demo.records import records
from catalog.demo.vocabulary import load_vocabulary
from catalog.taxonomy import Taxonomy

__all__ = ["write_demo"]


def write_demo(directory: Path, seed: int = 13) -> list[Path]:
    """Write the demo catalogue: three splits and their taxonomy.

    Args:
        directory: is created where it is missing; files of the same names are replaced.
        seed: the same seed writes the same bytes.

    Returns:
        demo.train.jsonl, demo.validation.jsonl, demo.test.jsonl and demo.taxonomy.yaml in `directory`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    vocabulary = load_vocabulary()
    paths = []
    for split, products in records(vocabulary, seed):
        path = directory / f"demo.{split}.jsonl"
        lines = (json.dumps(product, ensure_ascii=False) + "\n" for product in products)
        path.write_text("".join(lines), encoding="utf-8", newline="\n")
        paths.append(path)
    path = directory / "demo.taxonomy.yaml"
    path.write_text(
        yaml.safe_dump(_taxonomy(vocabulary.taxonomy), allow_unicode=True, sort_keys=False, width=120),
        encoding="utf-8",
        newline="\n",
    )
    return [*paths, path]


def _taxonomy(taxonomy: Taxonomy) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(taxonomy.to_json())
    return data
