"""The built-in demo catalogue: products in English and Chinese, made from the project's own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from catalog.demo.records import records
from catalog.demo.vocabulary import load_vocabulary
from catalog.taxonomy import Taxonomy
from steps import STAMP, staged_file

__all__ = ["FILES", "write_demo"]

FILES = ("demo.train.jsonl", "demo.validation.jsonl", "demo.test.jsonl", "demo.taxonomy.yaml")


def write_demo(directory: Path, seed: int = 13) -> list[Path]:
    """Write the demo catalogue: three splits and their taxonomy.

    Args:
        directory: is created where it is missing; files of the same names are replaced.
        seed: the same seed writes the same bytes.

    Returns:
        FILES in `directory`.

    Raises:
        DiskError: The disk is full, or the directory can't be written.
    """
    vocabulary = load_vocabulary()
    texts = {
        f"demo.{split}.jsonl": "".join(json.dumps(product, ensure_ascii=False) + "\n" for product in products)
        for split, products in records(vocabulary, seed)
    }
    texts["demo.taxonomy.yaml"] = yaml.safe_dump(
        _taxonomy(vocabulary.taxonomy), allow_unicode=True, sort_keys=False, width=120
    )
    (directory / STAMP).unlink(missing_ok=True)  # it tells of another seed's files
    for name in FILES:
        with staged_file(directory / name) as staging:
            staging.write_text(texts[name], encoding="utf-8", newline="\n")
    return [directory / name for name in FILES]


def _taxonomy(taxonomy: Taxonomy) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(taxonomy.to_json())
    return data
