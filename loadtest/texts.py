"""The texts that are sent: drawn from a catalogue, so that their lengths are a real shop's."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import catalog.prepared
from catalog.readers import read_options, read_products
from loadtest.errors import LoadtestError
from product_tagger_files import Product
from settings import Settings

TEXTS = 4000
"""Most different texts that are sent; drawn at random, so that long ones are as frequent as in the catalogue."""


def draw_texts(settings: Settings, file: Path | None) -> list[str]:
    """Draws texts, the same ones in every run.

    Args:
        settings: Where the prepared catalogue lies, and the names of a shop's columns.
        file: A catalogue file; None for the test part of the prepared catalogue.

    Raises:
        LoadtestError: There is not one text.
        catalog.prepared.PreparedCatalogError: The prepared catalogue is missing or damaged.
        catalog.readers.CatalogError: The file can't be read.
    """
    if file is None:
        directory = settings.build_dir / "catalog"
        texts = [example.text for example in catalog.prepared.iter_split(directory, "test")]
        place = f"The test part in {directory}"
    else:
        rows = read_products(file, read_options(settings.catalog), text_only=True)
        texts = [product.raw_text for _, product in rows if isinstance(product, Product)]
        place = str(file)
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise LoadtestError(f"{place} has no product with a text: there is nothing to send.")
    random.Random(13).shuffle(texts)
    return texts[:TEXTS]


def describe(texts: Sequence[str]) -> dict[str, Any]:
    """What a report says of the texts: how many, and how long they are in characters."""
    lengths = sorted(map(len, texts))
    return {
        "different": len(lengths),
        "mean_characters": round(statistics.fmean(lengths), 1),
        "p50_characters": lengths[len(lengths) // 2],
        "p95_characters": lengths[int(len(lengths) * 0.95)],
        "longest_characters": lengths[-1],
    }
