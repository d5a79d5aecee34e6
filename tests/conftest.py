"""What holds for all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

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
TOGETHER = ("client", "export", "loadtest", "serving")
"""Folders whose tests share a server or a release for the whole run: made once, where one process runs them all."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the folders whose tests take longest first; the processes of pytest-xdist take them in this order."""

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=place)


class FolderScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives the tests of a file to one process, and those of a folder that is in TOGETHER."""

    def _split_scope(self, nodeid: str) -> str:
        """The name of the tests that stay together; pytest-xdist's documentation has this method overridden."""
        file = nodeid.split("::", 1)[0]
        folder = file.removeprefix("tests/").split("/", 1)[0]
        return folder if folder in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FolderScheduling | None:
    """Deals the tests out by folder where the command asks for `--dist loadfile`."""
    return FolderScheduling(config, log) if config.getoption("dist") == "loadfile" else None
