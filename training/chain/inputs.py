"""What several steps are made from: the parts of the prepared catalogue and its labels, as digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from catalog.prepared import iter_split
from catalog.taxonomy import Taxonomy
from settings import Settings
from steps import file_digest, files_digest


def catalog_directory(settings: Settings) -> Path:
    """Where the prepared catalogue lies."""
    return settings.build_dir / "catalog"


def read_taxonomy(settings: Settings) -> Taxonomy:
    """The labels of the prepared catalogue.

    Raises:
        TaxonomyError: The file is missing or can't be used.
    """
    return Taxonomy.from_json(catalog_directory(settings) / "taxonomy.json")


def part_digest(settings: Settings, split: str) -> str:
    """SHA-256 of a part of the prepared catalogue, in hex.

    Raises:
        PreparedCatalogError: The part is missing, or its first line is not an example.
    """
    catalog = catalog_directory(settings)
    next(iter_split(catalog, split), None)
    return file_digest(catalog / f"{split}.jsonl")


def content_digest(directory: Path, names: Sequence[str]) -> str:
    """SHA-256 over some files of a step's output, in hex.

    The content is taken, not when it was made: a step that makes the same again gives no work to those behind it.
    """
    return files_digest([directory / name for name in names if (directory / name).is_file()], directory)


def labels_digest(taxonomy: Taxonomy) -> str:
    """SHA-256 over the ids of the labels in their order, in hex; what they are called in a language doesn't count."""
    return _digest({"categories": taxonomy.category_ids, "tags": taxonomy.tag_ids})


def rules_digest(taxonomy: Taxonomy) -> str:
    """The same, with the categories that each tag may go with."""
    rules: Mapping[str, tuple[str, ...]] = {tag.id: tuple(tag.categories) for tag in taxonomy.tags}
    return _digest({"labels": labels_digest(taxonomy), "rules": rules})


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
