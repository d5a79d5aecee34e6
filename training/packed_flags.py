"""A matrix of flags in an eighth of its memory: which of very many tags are given to very many products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

AT_ONCE = 1024


@dataclass(frozen=True)
class PackedFlags:
    """Flags, bool [N, K], eight to a byte: a poor model may set most of them, which a sparse matrix would not hold.

    Attributes:
        packed: uint8 [N, K / 8].
        width: K.
    """

    packed: npt.NDArray[np.uint8]
    width: int

    @classmethod
    def empty(cls, rows: int, width: int) -> PackedFlags:
        """None is set."""
        return cls(np.zeros((rows, -(-width // 8)), dtype=np.uint8), width)

    def put(self, rows: npt.NDArray[np.int64], flags: Flags) -> None:
        """Set the flags [B, K] of some rows, numbers [B]."""
        self.packed[rows] = np.packbits(flags, axis=1)

    def select(self, rows: Flags) -> PackedFlags:
        """The flags of some of the rows, bool [N]."""
        return PackedFlags(self.packed[rows], self.width)

    def unpacked(self, start: int = 0, end: int | None = None) -> Flags:
        """The flags of the rows from `start` to `end`, bool [rows, K]."""
        return np.unpackbits(self.packed[start:end], axis=1, count=self.width).astype(np.bool_)

    def counts(self) -> Counts:
        """How many rows have each flag, int64 [K]."""
        counted = np.zeros(self.width, dtype=np.int64)
        for start in range(0, len(self.packed), AT_ONCE):
            counted += self.unpacked(start, start + AT_ONCE).sum(axis=0)
        return counted

    def counts_among(self, others: csr_matrix) -> Counts:
        """How many rows have a flag both here and in a sparse bool [N, K], int64 [K]."""
        rows = np.repeat(np.arange(others.shape[0]), np.diff(others.indptr))
        byte, bit = np.divmod(others.indices, 8)
        shared = (self.packed[rows, byte] >> (7 - bit)) & 1
        return np.bincount(others.indices[shared > 0], minlength=self.width)
