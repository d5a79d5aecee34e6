"""A large catalogue: its products, and the memory of each step of a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest.errors import LoadtestError
from loadtest.large.catalogue import write_catalogue
from loadtest.large.stages import Stage, run_stages, stages
from loadtest.memory import Sample

TWO_STEPS = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.info("The model is made, because it was asked for.")
logging.info("step 1 of 2")
logging.info("The report is made, because it was asked for.")
"""


def test_the_products_have_so_many_labels_and_are_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_catalogue(tmp_path / name, 500, 20, 30)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    products = [json.loads(line) for line in (tmp_path / "one").read_text().splitlines()]
    assert len({product["id"] for product in products}) == len({product["title"] for product in products}) == 500
    assert len({product["category"] for product in products}) == 20
    assert len({tag for product in products for tag in product["tags"]}) == 30


def test_memory_is_told_of_the_step_in_which_it_was_held() -> None:
    samples = [Sample(float(at), 0.0, rss, 1) for at, rss in ((1, 10.0), (2, 30.0), (3, 20.0), (6, 5.0))]
    assert stages([("start", 0.0), ("The model", 2.5), ("The report", 4.0)], 7.0, samples) == [
        Stage("start", 2.5, 30.0), Stage("The model", 1.5, 20.0), Stage("The report", 3.0, 5.0),
    ]  # fmt: skip


def test_the_steps_of_a_command_are_found_in_its_log() -> None:
    found, cpu = run_stages(["-c", TWO_STEPS])
    assert [stage.name for stage in found] == ["start", "The model", "The report"]
    assert found[0].peak_mib > 0 and cpu > 0


def test_a_command_that_fails_is_told_with_its_words() -> None:
    with pytest.raises(LoadtestError, match=r"`python -c raise SystemExit\(3\)` failed with status 3"):
        run_stages(["-c", "raise SystemExit(3)"])
