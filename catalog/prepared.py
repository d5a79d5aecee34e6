"""What the prepare stage leaves in build/catalog, for training and export to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from steps import ProductTaggerError

READERS = ("product_tagger_files",)
"""Packages that read a shop's files: their code decides nothing any more of what is made of a prepared catalogue."""
SPLITS = ("train", "validation", "test")


class PreparedCatalogError(ProductTaggerError):
    """A prepared catalogue is missing or damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Example:
    """One cleaned product with its labels.

    Attributes:
        id: The product's id in the shop's catalogue.
        lang: `en` or `zh`.
        text: The cleaned text: what the tokenizer gets.
        category: A category id of the taxonomy.
        tags: Tag ids of the taxonomy.
        weight: The sample weight, 1.0 where nothing is known of the users' behaviour.
    """

    id: str
    lang: str
    text: str
    category: str
    tags: tuple[str, ...] = ()
    weight: float = 1.0


def iter_split(directory: Path, split: str) -> Iterator[Example]:
    """Reads one part of a prepared catalogue, a line at a time.

    Args:
        directory: The prepared catalogue, `build/catalog`.
        split: `train`, `validation` or `test`.

    Yields:
        The examples in the file's order.

    Raises:
        PreparedCatalogError: The file is missing, or a line of it is not an example.
    """
    path = directory / f"{split}.jsonl"
    try:
        stream = path.open(encoding="utf-8")
    except FileNotFoundError:
        raise PreparedCatalogError(
            f"{path} does not exist: run `python -m catalog prepare` first, which writes {', '.join(SPLITS)}"
        ) from None
    with stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
                yield Example(
                    id=row["id"],
                    lang=row["lang"],
                    text=row["text"],
                    category=row["category"],
                    tags=tuple(row["tags"]),
                    weight=float(row["weight"]),
                )
            except (ValueError, KeyError, TypeError) as error:
                raise PreparedCatalogError(
                    f"{path}:{number} is not a prepared example ({error!r}): run `python -m catalog prepare` again"
                ) from error


@dataclass(frozen=True)
class Part:
    """One part of a prepared catalogue, read from the disk anew each time it is gone through.

    Attributes:
        directory: The prepared catalogue.
        split: `train`, `validation` or `test`.
    """

    directory: Path
    split: str

    def __iter__(self) -> Iterator[Example]:
        """Yields the examples; see `iter_split` for what it raises."""
        return iter_split(self.directory, self.split)

    def count(self) -> int:
        """Counts the examples."""
        return sum(1 for _ in self)


@dataclass(frozen=True)
class PartTexts:
    """The texts of a part, likewise.

    Attributes:
        part: The part.
    """

    part: Part

    def __iter__(self) -> Iterator[str]:
        """Yields the texts; see `iter_split` for what it raises."""
        return (example.text for example in self.part)


def read_split(directory: Path, split: str) -> list[Example]:
    """Reads one part of a prepared catalogue into memory; see `iter_split`."""
    return list(iter_split(directory, split))
