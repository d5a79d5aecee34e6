"""Decides which part of the splits each product of a catalogue goes to, and which products are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO

import numpy as np
from numpy.typing import NDArray

from catalog.ingest import Ingest, write_reject
from catalog.prepared import SPLITS
from catalog.readers import CatalogError
from catalog.sources import Source
from catalog.splits import TEST, TRAIN, VALIDATION, assign_parts, crossing_rows, scrambled
from product_tagger_files import Reject
from settings.schema import CatalogSettings

LEFT_OUT = -1
_TWIN = "near-duplicate in another part"
_UNSEEN = "category without training products"
_NOT_DRAWN = "beyond catalog.limit"


def deal(
    ingest: Ingest, groups: NDArray[np.int64], source: Source, options: CatalogSettings
) -> tuple[NDArray[np.int8], dict[int, str]]:
    """Decides on every product's part.

    Args:
        ingest: The accepted products.
        groups: [N] the lowest row number of each row's group.
        source: Which parts the catalogue brings itself.
        options: The shares, the seed and the limit.

    Returns:
        [N] TRAIN, VALIDATION, TEST or LEFT_OUT; and for each row left out, why.

    Raises:
        CatalogError: The shares, or the test part's near-duplicates, leave nothing to train on.
    """
    validation_share = 0.0 if "validation" in source.files else options.validation_share
    test_share = 0.0 if "test" in source.files else options.test_share
    if validation_share + test_share >= 1:
        raise CatalogError("catalog.validation_share and catalog.test_share leave nothing to train on: lower them")
    parts, ids, categories = ingest.parts, ingest.ids, ingest.category_numbers
    left_out: dict[int, str] = {}
    twins = crossing_rows(groups, parts)
    left_out.update(dict.fromkeys(twins.tolist(), _TWIN))
    parts[twins] = LEFT_OUT
    if not (parts == TRAIN).any():
        raise CatalogError(
            "every training product is a variant or near-duplicate of one in the validation or test part: split anew"
        )
    parts = assign_parts(
        groups,
        categories,
        ids,
        parts,
        validation_share=validation_share,
        test_share=test_share,
        seed=options.seed,
    )
    unseen = np.flatnonzero((parts > TRAIN) & ~np.isin(categories, np.unique(categories[parts == TRAIN])))
    left_out.update(dict.fromkeys(unseen.tolist(), _UNSEEN))
    parts[unseen] = LEFT_OUT
    if options.limit is not None:
        _apply_limit(parts, ids, categories, options.limit, options.seed, left_out)
    return parts, left_out


def parts_missing(
    parts: NDArray[np.int8], groups: NDArray[np.int64], categories: NDArray[np.int64], options: CatalogSettings
) -> str | None:
    """Says which part is empty, and why; None where each has what was asked for.

    A share of 0 asks for no such part, as long as the other has products.
    """
    shares = {VALIDATION: options.validation_share, TEST: options.test_share}
    empty = [part for part, share in shares.items() if share > 0 and not (parts == part).any()]
    if not empty and (parts > TRAIN).any():
        return None
    missing = " and no ".join(SPLITS[part] for part in empty or shares)
    used = parts != LEFT_OUT
    products, distinct = int(used.sum()), len(np.unique(groups[used]))
    return (
        f"There are no {missing} products: if variants and near-duplicates count once, the {products:,} products are "
        f"{distinct:,}, in {len(np.unique(categories[used])):,} categories, each of which keeps one to train on. "
        "Nothing can be calibrated or tested without such products, so the export would refuse the model. Add products "
        "that are no variants of these, or bring a file for each part (shop.validation.csv, shop.test.csv)."
    )


def _apply_limit(
    parts: NDArray[np.int8],
    ids: NDArray[np.uint64],
    categories: NDArray[np.int64],
    limit: int,
    seed: int,
    left_out: dict[int, str],
) -> None:
    """Keeps `limit` training rows, at least one of each category, and the same share of the validation rows."""
    train, validation = np.flatnonzero(parts == TRAIN), np.flatnonzero(parts == VALIDATION)
    if limit >= len(train):
        return
    # One more than the seed: the same draw as for the splits would keep their order.
    draws = scrambled(ids, seed + 1)
    train = train[np.argsort(draws[train], kind="stable")]
    _, firsts = np.unique(categories[train], return_index=True)
    train = np.concatenate((train[firsts], np.delete(train, firsts)))
    if limit < len(firsts):
        raise CatalogError(f"catalog.limit is {limit}, but there are {len(firsts)} categories: allow one row for each")
    validation = validation[np.argsort(draws[validation], kind="stable")]
    keep = max(1, round(len(validation) * limit / len(train)))
    for row in (*train[limit:].tolist(), *validation[keep:].tolist()):
        parts[row] = LEFT_OUT
        left_out[row] = _NOT_DRAWN


def write_left_out(stream: IO[str], ingest: Ingest, source: Source, left_out: Mapping[int, str]) -> None:
    """Writes to rejects.jsonl the rows left out that a person may want to know of, with their reasons."""
    details = {
        _TWIN: "a variant or near-duplicate is in the source's test or validation part, and stays there",
        _UNSEEN: "no product of this category is in the training part",
    }
    parts, lines = ingest.parts, ingest.lines
    for row, reason in left_out.items():
        if reason in details:
            file = source.files[SPLITS[parts[row]]].name
            write_reject(stream, Reject(file, int(lines[row]), reason, details[reason]))
