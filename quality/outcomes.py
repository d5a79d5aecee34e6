"""What a system said of each test product beside what is true: all that a figure or a comparison is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from catalog.prepared import Example
from training.answers import Answers

Numbers = npt.NDArray[np.int64]
DIGITS = 5


@dataclass(frozen=True)
class Outcomes:
    """A system's answers to N test products, over C categories and T tags.

    Attributes:
        products: digest of the test products in their order: two systems may be compared where it is the same.
        category: number of the true category, int64 [N].
        answered: number of the category that was answered, int64 [N].
        confidence: its probability, float32 [N].
        tags: which tags the products carry, sparse bool [N, T].
        given: which were given, likewise.
        categories: C.
    """

    products: str
    category: Numbers
    answered: Numbers
    confidence: npt.NDArray[np.float32]
    tags: csr_matrix
    given: csr_matrix
    categories: int

    def __len__(self) -> int:
        return len(self.category)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the category is the true one, bool [N]."""
        right: npt.NDArray[np.bool_] = self.answered == self.category
        return right

    @classmethod
    def of(cls, answers: Answers, test: Sequence[Example], categories: int) -> Outcomes:
        """Keep what is needed of the answers to the test products."""
        return cls(
            test_digest(test),
            answers.category,
            answers.answered,
            answers.confidence,
            answers.tags.tocsr(),
            csr_matrix(answers.tags_given.unpacked()),
            categories,
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it; `from_json` reads it back."""
        return {
            "products": self.products,
            "categories": self.categories,
            "tags": int(self.tags.shape[1]),
            "category": self.category.tolist(),
            "answered": self.answered.tolist(),
            "confidence": [round(float(value), DIGITS) for value in self.confidence],
            "carried": _rows(self.tags),
            "given": _rows(self.given),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcomes:
        """Read what `to_json` returned."""
        return cls(
            data["products"],
            np.array(data["category"], dtype=np.int64),
            np.array(data["answered"], dtype=np.int64),
            np.array(data["confidence"], dtype=np.float32),
            _matrix(data["carried"], data["tags"]),
            _matrix(data["given"], data["tags"]),
            data["categories"],
        )


def test_digest(test: Sequence[Example]) -> str:
    """SHA-256 over the test products' ids and labels in their order, in hex."""
    digest = hashlib.sha256()
    for example in test:
        digest.update("\0".join((example.id, example.category, *example.tags, "\n")).encode("utf-8", "replace"))
    return digest.hexdigest()


def _rows(flags: csr_matrix) -> list[list[int]]:
    """The columns that are set, row by row."""
    flags = flags.tocsr()
    return [flags.indices[start:end].tolist() for start, end in zip(flags.indptr, flags.indptr[1:], strict=False)]


def _matrix(rows: Sequence[Sequence[int]], width: int) -> csr_matrix:
    ends = np.cumsum([0, *map(len, rows)])
    columns = np.array([column for row in rows for column in row], dtype=np.int32)
    return csr_matrix((np.ones(len(columns), dtype=np.bool_), columns, ends), shape=(len(rows), width))
