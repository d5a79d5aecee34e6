"""Which of the classifier's processes answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.serving.conftest import ask, before_each_batch, make_place, running

REQUESTS = 40
NOTE_PROCESS = """

def note_process(batches: Path) -> None:
    import os

    with batches.open("a") as file:
        print(os.getpid(), file=file)
"""


def test_requests_that_come_one_after_another_are_answered_by_the_same_process(tmp_path: Path) -> None:
    place = make_place(tmp_path / "service", instances=2)
    batches = tmp_path / "batches"
    before_each_batch(place, f"note_process(Path({str(batches)!r}))", NOTE_PROCESS)
    with running(place):
        batches.unlink()  # what the start asked
        for _ in range(REQUESTS):
            ask(place, "product_tagger", b"Red dress")
        counts = Counter(batches.read_text(encoding="utf-8").split())
    # A request that comes before the first is free again goes to the other one; in turns each would have half of them.
    assert counts.total() == REQUESTS and max(counts.values()) >= 0.75 * REQUESTS
