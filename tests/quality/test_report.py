"""The table, its summary, and the picture."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from quality.comparison import Row, Seeds
from quality.outcomes import Outcomes
from quality.plot import plot
from quality.reports import as_json
from quality.results import Result
from quality.table import report, summary
from tests.quality.test_plan import LARGE, plan, result

FACTS = {"created": "now", "machine": {"cores": 2, "processor": "a processor"}, "data": "data"}


def measured(system: str, wrong: Iterable[int], seed: int = 13, **changed: Any) -> Result:
    """A result on 100 products of two categories, of which some are answered wrongly; no tags."""
    category = np.arange(100) % 2
    answered = category.copy()
    answered[list(wrong)] ^= 1
    none = csr_matrix((100, 0), dtype=np.bool_)
    outcomes = Outcomes("the same", category, answered, np.full(100, 0.9, np.float32), none, none, 2)
    right = float(outcomes.right.mean())
    figures = {"category_accuracy": right, "category_macro_f1": right, "category_ece": 0.01, "coverage_95": 0.8}
    cell = plan(Path("/none")).cell(LARGE, 100, seed - 13)
    return replace(result(cell, system, 12.0), figures=figures, answers=outcomes.to_json(), **changed)


def row(product: Iterable[Result], linear: Iterable[Result], frozen: Iterable[Result] = ()) -> Row:
    systems = {"product": product, "linear": linear, "frozen": frozen}
    return Row("many", "100", {name: Seeds.of(of) for name, of in systems.items() if of})


def test_the_product_is_held_against_the_better_neighbour_in_each_figure() -> None:
    one = row([measured("product", range(10))], [measured("linear", range(14))], [measured("frozen", range(6))])
    difference = one.differences["category_accuracy"]
    assert difference.neighbour == "frozen" and difference.value == pytest.approx(-0.04)
    # Both are wrong on the same products but for four of them: far less varies than in either figure.
    assert -0.09 < difference.low < -0.04 < difference.high <= 0.0
    told = "\n".join(summary([one]))
    assert "**1 of 1** rows the product is more than 0.3 points below" in told and "many 100 (accuracy −4.0)" in told


def test_only_seeds_that_both_have_are_compared_and_only_on_the_same_test_products() -> None:
    product = [measured("product", range(10)), measured("product", range(50), seed=14)]
    one = row(product, [measured("linear", range(12))])
    assert one.differences["category_accuracy"].value == pytest.approx(0.02)
    other = measured("linear", range(12))
    assert not row(product, [replace(other, answers={**other.answers, "products": "others"})]).differences


def test_a_figure_is_the_median_of_the_seeds_with_its_interval_and_range() -> None:
    seeds = [measured("product", range(wrong), seed=13 + wrong) for wrong in (10, 12, 20)]
    figure = row(seeds, []).systems["product"].figure("category_accuracy")
    assert figure is not None and (figure.median, figure.least, figure.most) == (0.88, 0.8, 0.9)
    assert figure.low is not None and figure.high is not None and 0.75 < figure.low < 0.88 < figure.high < 0.96


def test_a_task_of_a_single_category_is_not_compared_in_it() -> None:
    one = row([measured("product", range(10))], [measured("linear", ())])
    for seeds in one.systems.values():
        for found in seeds.results.values():
            found.answers["categories"] = 1  # type: ignore[index]
    assert not one.differences


def test_the_report_tells_halves_failures_and_what_is_missing() -> None:
    halves = {"encoder": {"category_accuracy": 0.87, "category_macro_f1": 0.86}}
    one = row([measured("product", range(10), halves=halves)], [measured("linear", range(12))])
    one.failures = {"frozen": "the disk is full"}
    text = report([one], ["product", "linear", "frozen"], FACTS)
    assert "| encoder alone |" in text and "| 0.870 / 0.860 |" in text
    assert "**0.900** [" in text and " 0.880 [" in text
    assert "frozen encoder + logistic: the disk is full." in text
    assert "ECE 0.010, 80 %, 12 s | ECE 0.010, 80 %, 12 s | – |" in text
    assert "Tags" not in text


def test_a_report_without_results_says_so() -> None:
    assert "Nothing is compared yet" in report([Row("many", "100", {})], [], FACTS)


def test_the_json_file_has_every_seed_and_interval() -> None:
    found = json.loads(json.dumps(as_json(row([measured("product", range(10))], [measured("linear", range(12))]))))
    assert found["systems"]["product"]["seeds"]["13"]["figures"]["category_accuracy"] == 0.9
    assert found["systems"]["linear"]["figures"]["category_accuracy"]["low"] < 0.88
    assert found["differences"]["category_accuracy"]["neighbour"] == "linear"


def test_the_picture_is_drawn_with_one_cell_and_not_without_any(tmp_path: Path) -> None:
    one = row([measured("product", range(10))], [measured("linear", range(12))])
    plot(tmp_path / "one.png", [one], ["product", "linear"], "title")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    plot(tmp_path / "none.png", [Row("many", "100", {})], [], "title")
    assert not (tmp_path / "none.png").exists()
