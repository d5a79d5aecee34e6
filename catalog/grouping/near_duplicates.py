"""Joins long titles that share nearly all their words: another promotion, another spelling, one word more.

Candidates agree in all rows of one of BANDS bands of MinHash values; the words themselves decide. (Broder 1997, On the
resemblance and containment of documents; Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, chapter 3.) A short
title that differs in one word is another product, so short ones are left alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catalog.grouping.arrays import mixed, run_starts
from catalog.grouping.reading import BESIDE_COLOUR, CHARACTERS_BELOW, Titles

BANDS = 8
BAND_ROWS = 4
SAME_WORDS, SAME_CHARACTERS = 0.85, 0.9
"""Titles with this share of common words or characters (Jaccard) are near-duplicates."""
SAME_WORDS_OF_MANY, MANY_WORDS = 0.75, 14
"""The share where the shorter title has so many different words."""
LEAST_WORDS, LEAST_CHARACTERS = 8, 12
"""Titles with fewer words, in scripts without spaces fewer characters, are not compared."""

_CHUNK = 50_000
_PASSES = 8


def near_duplicates(
    titles: Titles, numbers: NDArray[np.uint64], groups: NDArray[np.int64], compared: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Joins groups whose titles are near-duplicates.

    All titles of a group were compared with one of them, its leader: a chain of small differences doesn't grow into one
    group.

    Args:
        titles: All titles.
        numbers: A random number for each of their words.
        groups: [N] the lowest row number of each row's group so far.
        compared: [N] whether a row's group may be joined with others.

    Returns:
        [N] the row number of each row's leader.
    """
    rows = np.unique(groups[compared])
    counts = titles.starts[rows + 1] - titles.starts[rows]
    rows, counts = rows[counts > 0], counts[counts > 0]
    rows = rows[counts >= np.where(_in_characters(titles, rows), LEAST_CHARACTERS, LEAST_WORDS)]
    parents, leads = np.arange(len(groups), dtype=np.int64), np.zeros(len(groups), dtype=bool)
    if len(rows) < 2:
        return groups
    seeds = mixed(np.arange(1, BANDS * BAND_ROWS + 1, dtype=np.uint64)) | np.uint64(1)
    for band in seeds.reshape(BANDS, BAND_ROWS):
        left, right = _candidates(_band_keys(titles, numbers, rows, band))
        _join(titles, parents, leads, rows[left], rows[right])
    joined: NDArray[np.int64] = _roots(parents, groups)
    return joined


def _band_keys(
    titles: Titles, numbers: NDArray[np.uint64], rows: NDArray[np.int64], band: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """[R]: a number for the minima of a band's hash functions over the words of each row."""
    keys = np.zeros(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        places, counts = _places(titles, rows[chunk])
        own, firsts = numbers[places], np.cumsum(counts) - counts
        with np.errstate(over="ignore"):
            for seed in band:
                minima = np.minimum.reduceat((own * seed) >> np.uint64(32), firsts)
                keys[chunk] = mixed(keys[chunk] + minima)
    return keys


def _candidates(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs that agree in a whole band: each with the first and with the one before it."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = run_starts(ordered)
    buckets = np.repeat(starts, np.diff(np.append(starts, len(order))))
    places = np.flatnonzero(np.arange(len(order)) != buckets)
    later = np.concatenate((order[places], order[places]))
    return np.concatenate((order[buckets[places]], order[places - 1])), later


def _join(
    titles: Titles,
    parents: NDArray[np.int64],
    leads: NDArray[np.bool_],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> None:
    """Joins the groups of candidate pairs whose leaders are near-duplicates, unless both lead others already."""
    for _ in range(_PASSES):
        left, right = _roots(parents, left), _roots(parents, right)
        pairs = np.unique(np.stack((np.minimum(left, right), np.maximum(left, right)), axis=1)[left != right], axis=0)
        same = _same(titles, pairs)
        same &= ~(leads[pairs[:, 0]] & leads[pairs[:, 1]])
        left, right = pairs[same, 0], pairs[same, 1]
        if not len(left):
            return
        for first, later in zip(left.tolist(), right.tolist(), strict=True):
            # Else one of the two has got another leader just now, and is compared again.
            if parents[first] == first and parents[later] == later:
                if not leads[later]:
                    parents[later], leads[first] = first, True
                elif not leads[first]:
                    parents[first] = later


def _same(titles: Titles, pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[P]: whether the titles of each pair share enough of their words."""
    result = np.zeros(len(pairs), dtype=bool)
    for start in range(0, len(pairs), _CHUNK):
        chunk_at = slice(start, start + _CHUNK)
        chunk = pairs[chunk_at]
        sides = []
        for rows in (chunk[:, 0], chunk[:, 1]):
            places, counts = _places(titles, rows)
            words = (titles.words[places] & ~np.uint32(BESIDE_COLOUR)).astype(np.uint64)
            sides.append(np.unique((np.repeat(np.arange(len(rows), dtype=np.uint64), counts) << np.uint64(32)) | words))
        both = np.sort(np.concatenate(sides), kind="stable")
        common = both[1:][both[1:] == both[:-1]]
        sizes = np.bincount((both >> np.uint64(32)).astype(np.int64), minlength=len(chunk))
        shared = np.bincount((common >> np.uint64(32)).astype(np.int64), minlength=len(chunk))
        characters = _in_characters(titles, chunk[:, 0])
        shorter = np.minimum(
            *(np.bincount((side >> np.uint64(32)).astype(np.int64), minlength=len(chunk)) for side in sides)
        )
        least = np.where(shorter >= MANY_WORDS, SAME_WORDS_OF_MANY, SAME_WORDS)
        least = np.where(characters, SAME_CHARACTERS, least)
        result[chunk_at] = shared >= least * (sizes - shared)
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
    middle = titles.words[(titles.starts[rows] + titles.starts[rows + 1]) // 2] & ~np.uint32(BESIDE_COLOUR)
    characters: NDArray[np.bool_] = middle < CHARACTERS_BELOW
    return characters
