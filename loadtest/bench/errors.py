"""What the benchmark fails with."""

from __future__ import annotations


class BenchError(RuntimeError):
    """The benchmark can't be run; the message says why and what to do."""
