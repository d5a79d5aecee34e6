"""Which of the classifier's processes answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.serving.conftest import ask, make_place, running

FIRST_LINE = "        texts, places = read_requests(tensors)\n"
REQUESTS = 40


def test_requests_that_come_one_after_another_are_answered_by_the_same_process(tmp_path: Path) -> None:
    place = make_place(tmp_path / "service", instances=2)
    batches = tmp_path / "batches"
    (model,) = place.releases.glob("2*/model_repository/classifier/1/model.py")
    source = model.read_text(encoding="utf-8")
    assert source.count(FIRST_LINE) == 1
    told = f"        import os\n        with open({str(batches)!r}, 'a') as file: print(os.getpid(), file=file)\n"
    model.write_text(source.replace(FIRST_LINE, told + FIRST_LINE), encoding="utf-8")
    with running(place):
        batches.unlink()  # what the start asked
        for _ in range(REQUESTS):
            ask(place, "product_tagger", b"Red dress")
        counts = Counter(batches.read_text(encoding="utf-8").split())
    # A request that comes before the first is free again goes to the other one; in turns each would have half of them.
    assert counts.total() == REQUESTS and max(counts.values()) >= 0.75 * REQUESTS
