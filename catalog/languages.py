"""The languages of a catalogue's products: each text is judged beside all others."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from catalog.language import CANDIDATES, COMMON_BY_DEFAULT, ODDS, UNKNOWN, Candidates, language_candidates

MOST_CODES = 1000
"""A catalogue that names more languages than this is not naming languages; further ones count as unknown."""
_ROUNDS = 6
_RAREST = 1 / 32
"""However rare a language is in the catalogue, a text that is clearly in it stays in it."""


class Languages:
    """The language of each product of a catalogue.

    A short title is often likely in two languages: `Elle blue jeans` in English and French. In a catalogue of English
    titles it is English, in one of French titles French. So the decision falls when all products have been read: by a
    text's own candidates, weighted with how frequent each language is in the catalogue.

    Attributes:
        codes: Number → language code.
    """

    def __init__(self) -> None:
        """Starts without a product."""
        self.codes: list[str] = []
        self._numbers: dict[str, int] = {}
        self._candidates = array("H")
        self._weights = array("f")

    def add(self, text: str, given: str | None) -> None:
        """Takes the next product.

        Args:
            text: What the language is told by.
            given: The language that the row names; None where it names none.
        """
        found: Candidates = ((given, 1.0),) if given else language_candidates(text)
        missing = CANDIDATES - len(found)
        numbers = [self._number(code) for code, _ in found]
        self._candidates.extend(numbers + numbers[-1:] * missing)
        self._weights.extend([weight for _, weight in found] + [0.0] * missing)

    def _number(self, code: str) -> int:
        number = self._numbers.get(code)
        if number is None:
            if len(self.codes) >= MOST_CODES and code != UNKNOWN:
                return self._number(UNKNOWN)
            number = self._numbers[code] = len(self.codes)
            self.codes.append(code)
        return number

    def decide(self) -> NDArray[np.int64]:
        """Returns the language of each product, [N] indices into `codes`."""
        candidates = np.array(self._candidates, dtype=np.int64).reshape(-1, CANDIDATES)
        weights = np.array(self._weights, dtype=np.float32).reshape(-1, CANDIDATES)
        first = np.array([ODDS if code in COMMON_BY_DEFAULT else 1.0 for code in self.codes], dtype=np.float32)
        shares, counts = weights, first
        for _ in range(_ROUNDS if len(candidates) else 0):
            frequent = counts[candidates]
            shares = weights * np.maximum(frequent / frequent.max(axis=1, keepdims=True), _RAREST)
            shares /= shares.sum(axis=1, keepdims=True)
            counts = first + np.bincount(candidates.ravel(), shares.ravel(), len(first)).astype(np.float32)
        return np.take_along_axis(candidates, shares.argmax(axis=1)[:, None], axis=1)[:, 0]
