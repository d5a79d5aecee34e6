"""The pages' commands and Python examples run as they are written, on the shop of the tutorial."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.docs.conftest import Checkout
from tests.docs.pages import PAGES, ROOT, RUN, blocks_of, name

pytestmark = pytest.mark.timeout(900)  # the first test waits for the tutorial's two trainings

TUTORIAL = ROOT / "docs" / "tutorial.md"
SHELVES = {"clothing", "garden", "kitchen", "toys"}
RUNNING = [
    page
    for page in PAGES
    if page != TUTORIAL and any(block.language in RUN and block.not_run is None for block in blocks_of(page))
]


def test_the_tutorial_leads_from_a_csv_file_to_answers(tutorial: dict[str, str], checkout: Checkout) -> None:
    asked = next(printed for command, printed in tutorial.items() if command.startswith("tag "))
    assert "Copper frying pan, 20 cm" in asked
    assert any(shelf in asked for shelf in SHELVES)
    with (checkout.root / "tagged.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 121  # one of the 122 has no text
    assert {row["category"] for row in rows} <= SHELVES
    assert len(list((checkout.root / "build" / "releases").glob("2*"))) == 2


@pytest.mark.parametrize("page", RUNNING, ids=name)
def test_the_examples_of_a_page_run(page: Path, served: Checkout) -> None:
    for block in blocks_of(page):
        if block.language not in RUN or block.not_run is not None:
            continue
        printed = served.run(block)
        if block.language == "python" or block.code.startswith(('tag "', "tag --lang", "curl")):
            assert printed.strip(), block.place
        if "curl" in block.code:
            answer = json.loads(printed)
            assert answer.get("category") or all(output["data"] for output in answer["outputs"]), block.place
