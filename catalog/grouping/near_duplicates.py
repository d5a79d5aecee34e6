"""Joins long titles that share nearly all their words: another promotion, another spelling, one word more.

Candidates agree in all rows of one of BANDS bands of MinHash values; the words themselves decide. (Broder 1997, On the
resemblance and containment of documents; Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, chapter 3.) A short
title that differs in one word is another product, so short ones are left alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog.grouping.arrays import mixed
from catalog.grouping.reading import BEFORE_COLOUR, CHARACTERS_BELOW, Titles

BANDS = 8
BAND_ROWS = 4
SAME_WORDS = 0.85
SAME_CHARACTERS = 0.9
"""Titles with this share of common words or characters (Jaccard) are near-duplicates."""
LEAST_WORDS = 8
LEAST_CHARACTERS = 12
"""Titles with fewer words, in scripts without spaces fewer characters, are not compared."""

_CHUNK = 50_000
_PASSES = 8


def near_duplicates(
    titles: Titles, numbers: NDArray[np.uint64], groups: NDArray[np.int64], compared: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Joins groups whose first titles are near-duplicates.

    A title is compared with the first title of a group, never with a later one: a chain of small differences doesn't
    grow into one group.

    Args:
        titles: All titles.
        numbers: A random number for each of their words.
        groups: [N] the lowest row number of each row's group so far.
        compared: [N] whether a row's group may be joined with others.

    Returns:
        [N] likewise, of the joined groups.
    """
    rows = np.unique(groups[compared])
    counts = titles.starts[rows + 1] - titles.starts[rows]
    rows, counts = rows[counts > 0], counts[counts > 0]
    rows = rows[counts >= np.where(_in_characters(titles, rows), LEAST_CHARACTERS, LEAST_WORDS)]
    parents = np.arange(len(groups), dtype=np.int64)
    if len(rows) < 2:
        return groups
    minima = _minima(titles, numbers, rows)
    for band in range(BANDS):
        left, right = _candidates(minima[band * BAND_ROWS : (band + 1) * BAND_ROWS])
        _join(titles, parents, rows[left], rows[right])
    joined: NDArray[np.int64] = _roots(parents, groups)
    return joined


def _minima(titles: Titles, numbers: NDArray[np.uint64], rows: NDArray[np.int64]) -> NDArray[np.uint32]:
    """[BANDS * BAND_ROWS, R]: minima of random hash functions over the words of each row."""
    minima = np.empty((BANDS * BAND_ROWS, len(rows)), dtype=np.uint32)
    seeds = mixed(np.arange(1, BANDS * BAND_ROWS + 1, dtype=np.uint64)) | np.uint64(1)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        places, counts = _places(titles, part)
        own = numbers[places]
        firsts = np.cumsum(counts) - counts
        with np.errstate(over="ignore"):
            for index, seed in enumerate(seeds):
                hashed = ((own * seed) >> np.uint64(32)).astype(np.uint32)
                minima[index, start : start + len(part)] = np.minimum.reduceat(hashed, firsts)
    return minima


def _candidates(band: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs that agree in a whole band: each with the first and with the one before it."""
    keys = np.zeros(band.shape[1], dtype=np.uint64)
    with np.errstate(over="ignore"):
        for values in band:
            keys = mixed(keys + values)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    buckets = np.repeat(starts, np.diff(np.append(starts, len(order))))
    places = np.flatnonzero(np.arange(len(order)) != buckets)
    later = np.concatenate((order[places], order[places]))
    return np.concatenate((order[buckets[places]], order[places - 1])), later


def _join(titles: Titles, parents: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
    """Joins the groups of candidate pairs whose first titles are near-duplicates."""
    for _ in range(_PASSES):
        left, right = _roots(parents, left), _roots(parents, right)
        pairs = np.unique(np.stack((np.minimum(left, right), np.maximum(left, right)), axis=1)[left != right], axis=0)
        same = _same(titles, pairs)
        left, right = pairs[same, 0], pairs[same, 1]
        if not len(left):
            return
        for first, later in zip(left.tolist(), right.tolist(), strict=True):
            # Else one of the two has got another first title just now, and is compared again.
            if parents[first] == first and parents[later] == later:
                parents[later] = first


def _same(titles: Titles, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[P]: whether the titles of each pair share enough of their words."""
    result = np.zeros(len(pairs), dtype=bool)
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        sides = []
        for rows in (chunk[:, 0], chunk[:, 1]):
            places, counts = _places(titles, rows)
            words = (titles.words[places] & ~np.uint32(BEFORE_COLOUR)).astype(np.uint64)
            sides.append(np.unique((np.repeat(np.arange(len(rows), dtype=np.uint64), counts) << np.uint64(32)) | words))
        both = np.sort(np.concatenate(sides), kind="stable")
        common = both[1:][both[1:] == both[:-1]]
        sizes = np.bincount((both >> np.uint64(32)).astype(np.int64), minlength=len(chunk))
        shared = np.bincount((common >> np.uint64(32)).astype(np.int64), minlength=len(chunk))
        least = np.where(_in_characters(titles, chunk[:, 0]), SAME_CHARACTERS, SAME_WORDS)
        result[start : start + len(chunk)] = shared >= least * (sizes - shared)
    return result


def _places(titles: Titles, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the words of each row are, one row after the other, and how many each has."""
    starts = titles.starts[rows]
    counts = titles.starts[rows + 1] - starts
    offsets = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + offsets, counts


def _roots(parents: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    while True:
        above = parents[rows]
        if np.array_equal(above, rows):
            return rows
        rows = above


def _in_characters(titles: Titles, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[R]: whether each title, which must have words, is in a script without spaces: by the middle of its words."""
    middle = titles.words[(titles.starts[rows] + titles.starts[rows + 1]) // 2] & ~np.uint32(BEFORE_COLOUR)
    characters: NDArray[np.bool_] = middle < CHARACTERS_BELOW
    return characters
