"""Learns from a catalogue the colours that no list has.

A word is a colour if without it the title is that of a product that comes in several colours already known. `Peacock`
is one when `Cotton T-Shirt, Red` and `Cotton T-Shirt, Blue` are there beside `Cotton T-Shirt, Peacock`, and likewise
for another product. A word that stands beside known colours is none: `linen` in `Linen Shirt, Red`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.grouping.arrays import contains, mixed
from catalog.grouping.reading import BEFORE_COLOUR, CHARACTERS_BELOW, Titles
from catalog.grouping.words import HAN_BARE_COLOURS

MIN_COLOURS = 2
"""Known colours that a product must come in before a word is learnt by it."""
MIN_HITS = 2
"""Products that a word must be learnt by."""
MIN_HIT_SHARE = 0.25
"""... and their share of all products with this word."""
MOST_BESIDE = 0.2
"""Largest share of products with this word that have a known colour beside it."""
MIN_SHADE_HITS = 5
MIN_SHADE_SHARE = 0.5
"""The same for words that stand before a colour: most of those are names of product lines, not shades."""

_LONGEST = 40
_CHUNK = 50_000
_BARE = np.unique(mixed(mixed(np.array([ord(colour) for colour in HAN_BARE_COLOURS], dtype=np.uint64))))
"""Names of the colours in one character, as `_Fillers` has them."""


class _Lengths(NamedTuple):
    """How many neighbouring words make a colour, and how many characters where a script has no spaces."""

    words: range
    characters: range


_USUAL = _Lengths(range(1, 3), range(2, 5))
_SINGLE = _Lengths(range(0), range(1, 2))


@dataclass(frozen=True)
class _Fillers:
    """Neighbouring words that might be a colour.

    Attributes:
        products: [F] whose words they are.
        names: [F] a number for the words in their order.
        rests: [F] the product's key without them.
    """

    products: NDArray[np.int64]
    names: NDArray[np.uint64]
    rests: NDArray[np.uint64]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> _Fillers:
        return _Fillers(self.products[chosen], self.names[chosen], self.rests[chosen])


class Learning:
    """Learns colours from the catalogue itself.

    Attributes:
        keys: [P] sum of each product's words, without those learnt.
    """

    def __init__(
        self,
        titles: Titles,
        numbers: NDArray[np.uint64],
        first: NDArray[np.int64],
        keys: NDArray[np.uint64],
        products: NDArray[np.int64],
    ) -> None:
        """Starts from products told apart by all their words: [P] `first` title of each, [N] `products` of the rows."""
        self._titles, self._numbers, self._first = titles, numbers, first
        self._order = np.argsort(first, kind="stable")
        self.keys = keys
        self._coloured = np.zeros(len(keys), dtype=bool)
        rows = np.flatnonzero(titles.colours)
        self._coloured[products[rows]] = True
        self._owners, self._colours = products[rows], titles.colours[rows].astype(np.uint64)

    def learn_colours(self) -> int:
        """Takes words that are found to be colours out of the products without a colour.

        Returns:
            How many products lost a word.
        """
        names, counts = self._hits(self._fillers(~self._coloured), MIN_HITS)
        if not len(names):
            return 0
        totals, beside = np.zeros(len(names), dtype=np.int64), np.zeros(len(names), dtype=np.int64)
        for found in self._fillers(np.ones(len(self.keys), dtype=bool)):
            known = found[contains(names, found.names)]
            places = np.searchsorted(names, known.names)
            totals += np.bincount(places, minlength=len(names))
            beside += np.bincount(places[self._coloured[known.products]], minlength=len(names))
        learnt = (counts >= MIN_HIT_SHARE * totals) & (beside <= MOST_BESIDE * totals)
        return self._take_out(self._fillers(~self._coloured), names[learnt], counts[learnt])

    def take_bare_colours(self) -> int:
        """Takes colours of one character out, `粉` in 粉纯棉T恤, where that leaves a product in several colours."""
        targets = self._targets()
        changed = 0
        for found in self._fillers(~self._coloured, _SINGLE):
            leading = found[contains(_BARE, found.names) & contains(targets, found.rests)]
            self.keys[leading.products] = leading.rests
            self._owners = np.concatenate((self._owners, leading.products))
            self._colours = np.concatenate((self._colours, leading.names))
            changed += len(np.unique(leading.products))
        self._coloured[self._owners] = True
        return changed

    def learn_shades(self) -> int:
        """Does the same with words that stand before a colour, as `desert` does in desert sage."""
        names, counts = self._hits(self._shades(), MIN_SHADE_HITS)
        if not len(names):
            return 0
        totals = np.zeros(len(names), dtype=np.int64)
        for found in self._shades():
            places = np.searchsorted(names, found.names[contains(names, found.names)])
            totals += np.bincount(places, minlength=len(names))
        learnt = counts >= MIN_SHADE_SHARE * totals
        return self._take_out(self._shades(), names[learnt], counts[learnt])

    def _targets(self) -> NDArray[np.uint64]:
        """The keys of products that come in several colours, ascending."""
        pairs = np.unique(self.keys[self._owners] + mixed(self._colours), return_index=True)[1]
        keys, counts = np.unique(self.keys[self._owners[pairs]], return_counts=True)
        several: NDArray[np.uint64] = keys[counts >= MIN_COLOURS]
        return several

    def _hits(self, fillers: Iterable[_Fillers], least: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """The words without which a title is that of a product in several colours, and how many products say so."""
        targets = self._targets()
        hits = [found.names[contains(targets, found.rests)] for found in fillers]
        names, counts = np.unique(np.concatenate(hits), return_counts=True)
        return names[counts >= least], counts[counts >= least]

    def _take_out(self, fillers: Iterable[_Fillers], learnt: NDArray[np.uint64], counts: NDArray[np.int64]) -> int:
        """Takes one learnt word out of each product: the one that leads to a known product, or the commonest."""
        targets = self._targets()
        owners, colours = [self._owners], [self._colours]
        changed = 0
        for found in fillers:
            known = found[contains(learnt, found.names)]
            often = counts[np.searchsorted(learnt, known.names)]
            order = np.lexsort((often, contains(targets, known.rests)))
            # The last of several values for one place is the one that stays.
            self.keys[known.products[order]] = known.rests[order]
            owners.append(known.products)
            colours.append(known.names)
            changed += len(np.unique(known.products))
        self._owners, self._colours = np.concatenate(owners), np.concatenate(colours)
        self._coloured[self._owners] = True
        return changed

    def _shades(self) -> Iterator[_Fillers]:
        """The words of each product that stand directly before a colour."""
        places = np.flatnonzero(self._titles.words & np.uint32(BEFORE_COLOUR))
        rows = np.searchsorted(self._titles.starts, places, side="right") - 1
        products = np.searchsorted(self._first[self._order], rows)
        products = np.minimum(products, len(self._first) - 1)
        owners = self._order[products]
        usable = (self._first[owners] == rows) & self._coloured[owners]
        usable &= self._titles.starts[rows + 1] - self._titles.starts[rows] > 1
        usable &= (self._titles.words[places] & ~np.uint32(BEFORE_COLOUR)) >= CHARACTERS_BELOW
        owners, names = owners[usable], self._numbers[places[usable]]
        with np.errstate(over="ignore"):
            yield _Fillers(owners, names, self.keys[owners] - names)

    def _fillers(self, chosen: NDArray[np.bool_], lengths: _Lengths = _USUAL) -> Iterator[_Fillers]:
        """The neighbouring words of each chosen product, the shortest first."""
        products = np.flatnonzero(chosen)
        for chunk in np.array_split(products, len(products) // _CHUNK + 1):
            yield self._fillers_of(chunk, lengths)

    def _fillers_of(self, chosen: NDArray[np.int64], lengths: _Lengths) -> _Fillers:
        starts = self._titles.starts[self._first[chosen]]
        counts = self._titles.starts[self._first[chosen] + 1] - starts
        counts = np.where(counts <= _LONGEST, counts, 0)
        owners = np.repeat(np.arange(len(chosen)), counts)
        offsets = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        places = starts[owners] + offsets
        left = counts[owners] - offsets
        dense = (self._titles.words[places] & ~np.uint32(BEFORE_COLOUR)) < CHARACTERS_BELOW
        found: list[tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.uint64]]] = []
        for length in sorted({*lengths.words, *lengths.characters}):
            usable = (left >= length) & (counts[owners] > length)
            usable &= np.where(dense, length in lengths.characters, length in lengths.words)
            at, whose = places[usable], chosen[owners[usable]]
            names = np.zeros(len(at), dtype=np.uint64)
            sums = np.zeros(len(at), dtype=np.uint64)
            with np.errstate(over="ignore"):
                for step in range(length):
                    names = mixed(names + self._numbers[at + step])
                    sums += self._numbers[at + step]
                found.append((whose, names, self.keys[whose] - sums))
        owned, names, rests = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return _Fillers(owned, names, rests)
