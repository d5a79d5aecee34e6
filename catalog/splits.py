"""Groups near-duplicate products and deals the groups out to train, validation and test.

A shop lists the same shirt in nine colours. Were its twins dealt out one by one, the test would ask for what training
has seen. So products with nearly the same title are found by MinHash, joined into groups, and each group goes to one
part as a whole.

- Shingles: runs of 5 characters of a title in lower case without punctuation, 3 characters in Chinese.
- Signature: the minima of HASHES random hash functions over a title's shingles; the share of equal minima estimates
  the share of shingles two titles have in common (Jaccard).
- Candidates: titles that agree in all rows of at least one of BANDS bands; they are joined when at least
  SAME_SHARE of their minima are equal. (Broder 1997, On the resemblance and containment of documents;
  Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, chapter 3.)

All of it is numpy on arrays: about 200 bytes a product.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TRAIN, VALIDATION, TEST = 0, 1, 2

BANDS = 8
BAND_ROWS = 6
HASHES = BANDS * BAND_ROWS
SAME_SHARE = 0.7
"""Titles with this estimated share of common shingles are twins."""

_MAX_CHARACTERS = 400
_NOT_WORD = re.compile(r"[\W_]+")
_LETTER_GAP = " "

_generator = np.random.default_rng(20240229)
_MULTIPLIERS = _generator.integers(1, 2**63, size=HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_OFFSETS = _generator.integers(0, 2**63, size=HASHES, dtype=np.uint64)
del _generator


def signatures(titles: Sequence[str]) -> NDArray[np.uint32]:
    """Computes the MinHash signatures of titles.

    Args:
        titles: [N] texts in any language.

    Returns:
        [N, HASHES] uint32. Titles that differ in case, width, punctuation and spaces only have the same signature.
    """
    result = np.empty((len(titles), HASHES), dtype=np.uint32)
    plain = [_plain(title) for title in titles]
    chinese = np.fromiter((_is_chinese(text) for text in plain), dtype=bool, count=len(plain))
    for is_chinese, width in ((False, 5), (True, 3)):
        rows = np.flatnonzero(chinese == is_chinese)
        if len(rows):
            texts = [plain[row].replace(" ", "") if is_chinese else plain[row] for row in rows]
            result[rows] = _minima(texts, width)
    return result


def near_duplicate_groups(minima: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Joins near-duplicates into groups.

    Args:
        minima: [N, HASHES] signatures.

    Returns:
        [N] int64: the lowest row number of each row's group.
    """
    count = len(minima)
    parents = np.arange(count, dtype=np.int64)
    for band in range(BANDS):
        keys = _mixed(minima[:, band * BAND_ROWS : (band + 1) * BAND_ROWS])
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        sizes = np.diff(np.append(starts, count))
        buckets = np.repeat(starts, sizes)
        # Each row of a bucket is compared with the bucket's first row and with the row before it.
        positions = np.flatnonzero(np.arange(count) != buckets)
        rows = order[positions]
        for others in (order[buckets[positions]], order[positions - 1]):
            for chunk in np.array_split(np.arange(len(rows)), len(rows) // 200_000 + 1):
                left, right = rows[chunk], others[chunk]
                left, right = _different(left, right, parents)
                same = (minima[left] == minima[right]).mean(axis=1) >= SAME_SHARE
                for a, b in zip(left[same].tolist(), right[same].tolist(), strict=True):
                    _join(parents, a, b)
        parents = _flattened(parents)
    return parents


def assign_parts(
    groups: NDArray[np.int64],
    categories: NDArray[np.int64],
    ids: NDArray[np.uint64],
    parts: NDArray[np.int8],
    *,
    validation_share: float,
    test_share: float,
    seed: int,
) -> NDArray[np.int8]:
    """Deals the rows of the training part out to train, validation and test, each group as a whole.

    Within each category, groups come in an order drawn from the seed and the ids, not from the file's order. They fill
    the test part first, then the validation part, then the training part. A group much too large for what its part
    still needs is passed over. A category with too few products for a share stays in training.

    Args:
        groups: [N] from `near_duplicate_groups`.
        categories: [N] category numbers; a group counts to the category of its first row.
        ids: [N] hashes of the product ids.
        parts: [N] TRAIN, VALIDATION or TEST, as the source has them; only rows in TRAIN are dealt out.
        validation_share: Share of the rows in TRAIN; 0 keeps the source's own validation part.
        test_share: Likewise for the test part.
        seed: Another seed draws another order.

    Returns:
        [N] int8: each row's part.
    """
    result = parts.copy()
    rows = np.flatnonzero(parts == TRAIN)
    if not len(rows) or validation_share + test_share <= 0:
        return result
    leaders, members = np.unique(groups[rows], return_inverse=True)
    sizes = np.bincount(members)
    first = np.full(len(leaders), len(groups), dtype=np.int64)
    np.minimum.at(first, members, rows)
    # The lowest hash in a group stands for it, so that its place doesn't depend on the order of the rows.
    draws = np.full(len(leaders), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(draws, members, scrambled(ids[rows], seed))
    group_categories = categories[first]
    group_parts = np.zeros(len(leaders), dtype=np.int8)
    for category in np.unique(group_categories):
        of_category = np.flatnonzero(group_categories == category)
        of_category = of_category[np.argsort(draws[of_category], kind="stable")]
        total = int(sizes[of_category].sum())
        wanted = {TEST: round(total * test_share), VALIDATION: round(total * validation_share)}
        for part, room in wanted.items():
            # All but the last: something of each category is left to train on.
            for group in of_category[:-1].tolist():
                if room <= 0:
                    break
                # A group may overshoot the part's size, if that comes nearer to it than leaving it out.
                if group_parts[group] == TRAIN and sizes[group] < 2 * room:
                    group_parts[group] = part
                    room -= int(sizes[group])
    result[rows] = group_parts[members]
    return result


def crossing_rows(groups: NDArray[np.int64], parts: NDArray[np.int8]) -> NDArray[np.int64]:
    """Finds rows whose twins sit in a part that comes before their own: test before validation before train.

    The source's own test part is kept whole, so that results stay comparable; its twins leave the other parts.

    Args:
        groups: [N] from `near_duplicate_groups`.
        parts: [N] TRAIN, VALIDATION or TEST.

    Returns:
        The row numbers to leave out, ascending.
    """
    highest = np.full(len(groups), TRAIN, dtype=np.int8)
    np.maximum.at(highest, groups, parts)
    return np.flatnonzero(parts < highest[groups])


def scrambled(ids: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Draws one random 64-bit number per id and seed, the same in every run (splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = ids + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def _plain(title: str) -> str:
    return _NOT_WORD.sub(_LETTER_GAP, unicodedata.normalize("NFKC", title[:_MAX_CHARACTERS]).lower()).strip()


def _is_chinese(text: str) -> bool:
    return not text.isascii() and sum("\u4e00" <= char <= "\u9fff" for char in text) * 4 >= len(text)


def _minima(texts: list[str], width: int) -> NDArray[np.uint32]:
    """[N, HASHES]: minima over each text's shingles; a text shorter than `width` is padded to one shingle."""
    padded = [text.ljust(width, "\0") for text in texts]
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    with np.errstate(over="ignore"):
        shingles = np.zeros(len(codes) - width + 1, dtype=np.uint64)
        for offset in range(width):
            shingles = shingles * np.uint64(0x9E3779B97F4A7C15) + codes[offset : offset + len(shingles)]
        shingles ^= shingles >> np.uint64(29)
        # Shingles that reach into the next text are dropped.
        keep = np.ones(len(codes), dtype=bool)
        ends = starts + lengths
        for back in range(1, width):
            keep[ends - back] = False
        shingles = shingles[keep[: len(shingles)]]
        counts = lengths - width + 1
        firsts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        result = np.empty((len(texts), HASHES), dtype=np.uint32)
        for index in range(HASHES):
            hashed = ((shingles * _MULTIPLIERS[index] + _OFFSETS[index]) >> np.uint64(32)).astype(np.uint32)
            result[:, index] = np.minimum.reduceat(hashed, firsts)
    return result


def _mixed(columns: NDArray[np.uint32]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        mixed = np.zeros(len(columns), dtype=np.uint64)
        for column in columns.T:
            mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(32)
    return mixed


def _different(
    left: NDArray[np.int64], right: NDArray[np.int64], parents: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keeps the pairs that are not known to be in one group."""
    apart = parents[left] != parents[right]
    return left[apart], right[apart]


def _join(parents: NDArray[np.int64], a: int, b: int) -> None:
    a, b = _root(parents, a), _root(parents, b)
    if a != b:
        parents[max(a, b)] = min(a, b)


def _root(parents: NDArray[np.int64], row: int) -> int:
    while (parent := int(parents[row])) != row:
        parents[row] = parents[parent]
        row = parent
    return row


def _flattened(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    while True:
        above = parents[parents]
        if np.array_equal(above, parents):
            return parents
        parents = above
