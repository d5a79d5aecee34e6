"""What holds for all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# Before anything loads PyTorch. On cores that other tests' processes use too its threads would wait spinning, and a
# small model's 20 steps take 16 s of processor time in place of one.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell ignores Ctrl-C on behalf of what it starts in the background, and programs inherit that. The tests that
# interrupt a program mean one that hears it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
LONGEST_FIRST = ("e2e", "docs", "loadtest", "training", "export", "serving")
"""Folders in the order in which `make test` deals them out to its processes; the others follow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the folders whose tests take longest first; pytest-xdist then keeps the tests of a file in one process."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)
