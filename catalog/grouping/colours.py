"""Learns from a catalogue the colours that no list has.

A word is a colour if without it the title is that of a product that comes in several colours already known. `Peacock`
is one when `Cotton T-Shirt, Red` and `Cotton T-Shirt, Blue` are there beside `Cotton T-Shirt, Peacock`, and likewise
for another product. A word that stands beside known colours is none: `linen` in `Linen Shirt, Red`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.grouping.arrays import contains, mixed
from catalog.grouping.reading import BESIDE_COLOUR, CHARACTERS_BELOW, Titles
from catalog.grouping.words import HAN_BARE_COLOURS

MIN_COLOURS = 2
"""Known colours that a product must come in before a word is learnt by it."""
MIN_HITS = 2
"""Products that a word must be learnt by."""
MIN_HIT_SHARE = 0.25
"""... and their share of all products with this word."""
MANY_COLOURS = 3
"""Colours that a product must come in for a word to be learnt that no other product has. What has the word must come in
several titles itself (sizes)."""
MOST_BESIDE = 0.2
"""Largest share of products with this word that have a known colour beside it."""
ONE_COLOUR = 0.8
"""Words beside a colour belong to it if it is one and the same in such a share of their products: `aqua marine`, `lunar
white`. A product line comes in several colours."""
MIN_SHADE_SHARE = 0.5
"""The share of their products that must be known without them, and stand beside a colour at all."""

_LONGEST = 40
_CHUNK = 8_192
_BARE = np.unique(mixed(mixed(np.array([ord(colour) for colour in HAN_BARE_COLOURS], dtype=np.uint64))))
"""Names of the colours in one character, as `_Fillers` has them."""


class _Lengths(NamedTuple):
    """How many neighbouring words make a colour, and how many characters where a script has no spaces."""

    words: range
    characters: range


_USUAL = _Lengths(range(1, 3), range(2, 5))
_SINGLE = _Lengths(range(0), range(1, 2))
_SHADE = _Lengths(range(1, 3), range(1, 4))


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

    def columns(self) -> tuple[NDArray[Any], ...]:
        return self.products, self.names, self.rests

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
        self._titles_of = np.bincount(products, minlength=len(keys))
        self._coloured = np.zeros(len(keys), dtype=bool)
        rows = np.flatnonzero(titles.colours)
        self._coloured[products[rows]] = True
        self._owners, self._colours = products[rows], titles.colours[rows].astype(np.uint64)

    def learn_colours(self) -> int:
        """Takes words that are found to be colours out of the products without a colour.

        Returns:
            How many products lost a word.
        """
        names, counts = self._hits(self._fillers(~self._coloured), 1)
        if not len(names):
            return 0
        alone = self._alone(self._fillers(~self._coloured), names)
        totals, beside = np.zeros(len(names), dtype=np.int64), np.zeros(len(names), dtype=np.int64)
        for found in self._fillers(np.ones(len(self.keys), dtype=bool)):
            known = found[contains(names, found.names)]
            places = np.searchsorted(names, known.names)
            totals += np.bincount(places, minlength=len(names))
            beside += np.bincount(places[self._coloured[known.products]], minlength=len(names))
        learnt = (counts >= MIN_HIT_SHARE * totals) & (beside <= MOST_BESIDE * totals)
        learnt &= (counts >= MIN_HITS) | (alone & (totals == 1))
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
        """Does the same with words that stand beside a colour, as `desert` does in desert sage."""
        names, counts = self._hits(self._shades(), 1)
        if not len(names):
            return 0
        alone = self._alone(self._shades(), names)
        colours = self._only_colours()
        totals, elsewhere = np.zeros(len(names), dtype=np.int64), np.zeros(len(names), dtype=np.int64)
        pairs: list[NDArray[np.uint64]] = []
        for found in self._shades():
            known = found[contains(names, found.names)]
            places = np.searchsorted(names, known.names)
            totals += np.bincount(places, minlength=len(names))
            pairs.append(np.stack((places.astype(np.uint64), colours[known.products]), axis=1))
        for found in self._fillers(~self._coloured):
            known = found[contains(names, found.names)]
            elsewhere += np.bincount(np.searchsorted(names, known.names), minlength=len(names))
        found_pairs, often = np.unique(np.concatenate(pairs), axis=0, return_counts=True)
        most = np.zeros(len(names), dtype=np.int64)
        of_one = found_pairs[:, 1] != 0
        np.maximum.at(most, found_pairs[of_one, 0].astype(np.int64), often[of_one])
        one = (most >= ONE_COLOUR * totals) & (totals >= MIN_SHADE_SHARE * (totals + elsewhere))
        learnt = (counts >= MIN_SHADE_SHARE * totals) & one
        learnt &= (counts >= MIN_HITS) | (alone & (totals + elsewhere == 1))
        return self._take_out(self._shades(), names[learnt], counts[learnt])

    def _alone(self, fillers: Iterable[_Fillers], names: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """[K]: whether one product is enough: it has several titles, and MANY_COLOURS without the name."""
        many = self._targets(MANY_COLOURS)
        found = [f.names[contains(many, f.rests) & (self._titles_of[f.products] > 1)] for f in fillers]
        return contains(np.unique(np.concatenate(found)), names)

    def _only_colours(self) -> NDArray[np.uint64]:
        """[P]: the colour of a product that comes in one; 0 for others."""
        pairs = np.unique(np.stack((self._owners.astype(np.uint64), self._colours), axis=1), axis=0)
        owners, first, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
        colours = np.zeros(len(self.keys), dtype=np.uint64)
        colours[owners[counts == 1].astype(np.int64)] = pairs[first[counts == 1], 1]
        return colours

    def _targets(self, least: int = MIN_COLOURS) -> NDArray[np.uint64]:
        """The keys of products that come in so many colours, ascending."""
        pairs = np.unique(self.keys[self._owners] + mixed(self._colours), return_index=True)[1]
        keys, counts = np.unique(self.keys[self._owners[pairs]], return_counts=True)
        several: NDArray[np.uint64] = keys[counts >= least]
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
        """The words of each product that stand directly before or behind a colour."""
        beside = np.flatnonzero(self._titles.words & np.uint32(BESIDE_COLOUR))
        rows = np.searchsorted(self._titles.starts, beside, side="right") - 1
        products = np.searchsorted(self._first[self._order], rows)
        products = np.minimum(products, len(self._first) - 1)
        owners = self._order[products]
        usable = (self._first[owners] == rows) & self._coloured[owners]
        beside, owners, rows = beside[usable], owners[usable], rows[usable]
        starts, ends = self._titles.starts[rows], self._titles.starts[rows + 1]
        for length, back in ((1, 0), (2, 1), (2, 0), (3, 2), (3, 0)):
            at = beside - back
            fits = (at >= starts) & (at + length <= ends) & (ends - starts > length)
            at, whose = at[fits], owners[fits]
            dense = self._is_character(at)
            fits = dense == self._is_character(at + length - 1)
            fits &= np.where(dense, length in _SHADE.characters, length in _SHADE.words)
            yield self._filler(at[fits], whose[fits], length)

    def _is_character(self, places: NDArray[np.int64]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self._titles.words[places] & ~np.uint32(BESIDE_COLOUR)) < CHARACTERS_BELOW
        return found

    def _filler(self, places: NDArray[np.int64], owners: NDArray[np.int64], length: int) -> _Fillers:
        """So many words from each place on."""
        names, sums = np.zeros(len(places), dtype=np.uint64), np.zeros(len(places), dtype=np.uint64)
        with np.errstate(over="ignore"):
            for step in range(length):
                names = mixed(names + self._numbers[places + step])
                sums += self._numbers[places + step]
            return _Fillers(owners, names, self.keys[owners] - sums)

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
        dense = self._is_character(places)
        found: list[_Fillers] = []
        for length in sorted({*lengths.words, *lengths.characters}):
            usable = (left >= length) & (counts[owners] > length)
            usable &= np.where(dense, length in lengths.characters, length in lengths.words)
            found.append(self._filler(places[usable], chosen[owners[usable]], length))
        return _Fillers(*(np.concatenate(parts) for parts in zip(*map(_Fillers.columns, found), strict=True)))
