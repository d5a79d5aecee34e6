"""The gate's arithmetic, on answers made by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import f1_score

from catalog.heads import DecisionRule
from catalog.reliability import expected_calibration_error
from catalog.taxonomy import Label, Taxonomy
from export.engines.onnxruntime_int8 import OnnxRuntimeInt8
from export.engines.tensorrt import TensorRTPlan
from export.held_out import HeldOut, Run, Scores, length_runs, score
from export.parity import Comparison, Limits, compare, format_table, measure
from export.served import served_module
from settings import Settings
from tests.export.conftest import MAX_LENGTH, make_workload

TAXONOMY = Taxonomy((Label("a"), Label("b"), Label("c")), (Label("x"), Label("only-a", categories=("a",))))
RULE = DecisionRule.of(TAXONOMY.data, {"x": 0.5, "only-a": 0.25})
COUNT = 200
Tokens = npt.NDArray[np.int64]


def make_products(seed: int = 0) -> tuple[HeldOut, Scores]:
    """Products with random labels, and answers that are mostly right."""
    random = np.random.default_rng(seed)
    categories = random.integers(0, 3, COUNT)
    tags = random.random((COUNT, 2)) < 0.4
    scores = random.random((COUNT, 5)).astype(np.float32) * 0.6
    scores[np.arange(COUNT), categories] += 0.35
    scores[:, 3:] += 0.3 * tags
    tokens = [np.arange(1, length + 1) for length in random.integers(1, 30, COUNT)]
    return HeldOut(tokens, categories, tags, {"test": COUNT}, pad_token_id=9), scores


def compared(scores: Scores, reference: Scores, products: HeldOut, limits: Limits) -> Comparison:
    return compare("graph", scores, scores[:50], reference, products, RULE, limits)


def test_f1_is_scikit_learn_s() -> None:
    products, scores = make_products()
    found = measure(scores, products, RULE)
    assert found.category_macro_f1 == pytest.approx(
        f1_score(products.categories, scores[:, :3].argmax(axis=1), average="macro")
    )
    assert found.tag_micro_f1 == pytest.approx(f1_score(products.tags, RULE.decide(scores).tags, average="micro"))


def test_a_tag_is_given_over_its_threshold_and_with_its_categories_only() -> None:
    scores = np.array([[0.9, 0.1, 0.0, 0.5, 0.3], [0.1, 0.9, 0.0, 0.49, 0.9]], dtype=np.float32)
    assert RULE.decide(scores).tags.tolist() == [[True, True], [False, False]]


def test_equal_answers_pass_the_strictest_limits() -> None:
    products, scores = make_products()
    found = compared(scores, scores, products, Limits(1e-9, 1.0, 0.0, 1e-9, 0.0, 1e-9))
    assert found.passed and found.max_difference == 0 and found.equal_categories == found.equal_tags == 1


def test_every_limit_that_is_not_held_is_a_sentence_with_both_numbers() -> None:
    products, reference = make_products()
    scores = np.roll(reference, 1, axis=0)
    found = compared(scores, reference, products, Limits(1e-4, 0.995, 0.003))
    assert not found.passed and len(found.failures) == 4
    text = format_table(measure(reference, products, RULE), [found])
    assert "a probability differs by" in text and "allowed is 0.0001" in text
    assert "keep their category, at least 99.50% must" in text
    assert "points of category macro-F1 are lost, allowed are 0.30" in text and "tag micro-F1 are lost" in text
    assert text.count("FAILED") == 5


def test_probabilities_that_move_on_average_or_with_their_neighbours_fail_though_every_category_stays() -> None:
    products, reference = make_products()
    moved = reference * np.float32(0.9)  # of every product, the probability of its category by 0.05 to 0.09
    found = compare("graph", moved, reference[:50], reference, products, RULE, Limits(
        min_equal_categories=1.0, max_mean_difference=0.02, max_neighbour_difference=0.02
    ))  # fmt: skip
    assert found.equal_categories == 1
    average, beside = found.failures
    assert average.startswith("graph: the probabilities of a product differ by 0.0") and average.endswith("is 0.02")
    assert beside.startswith("graph: a probability moves by 0.0") and "with the texts beside it" in beside


def test_probabilities_that_say_more_than_they_keep_fail() -> None:
    random = np.random.default_rng(0)
    right = random.random(COUNT) < 0.7
    products = dataclasses.replace(make_products()[0], categories=np.where(right, 0, 1))
    honest = np.tile(np.array([0.7, 0.3, 0.0, 0.4, 0.4], dtype=np.float32), (COUNT, 1))
    boastful = honest.copy()
    boastful[:, :2] = (0.95, 0.05)
    limits = Limits(min_equal_categories=1.0, max_calibration_loss=0.01)
    found = compared(boastful, honest, products, limits)
    (sentence,) = found.failures
    assert "the calibration error of the categories grows by 0.2" in sentence and "allowed is 0.0100" in sentence
    assert found.category_ece == pytest.approx(expected_calibration_error(boastful[:, 0], right))
    assert compared(honest, boastful, products, limits).passed, "a smaller error is no loss"


def test_one_product_of_few_never_fails_the_gate_and_two_do() -> None:
    products, reference = make_products()
    few = products.first(20)
    strict = Limits(min_equal_categories=0.995, max_f1_loss=0.003)
    changed = reference[:20].copy()
    right = np.flatnonzero(RULE.decide(changed).category == few.categories)
    changed[right[0], :3] = np.roll(changed[right[0], :3], 1)
    assert compare("graph", changed, changed, reference[:20], few, RULE, strict).passed
    changed[right[1], :3] = np.roll(changed[right[1], :3], 1)
    found = compare("graph", changed, changed, reference[:20], few, RULE, strict)
    assert any("keep their category" in failure for failure in found.failures)


def test_answers_that_are_not_numbers_fail_whatever_the_limits() -> None:
    products, reference = make_products()
    scores = reference.copy()
    scores[7, 2] = np.nan
    failures = ("graph: some probabilities are not numbers",)
    assert compared(scores, reference, products, Limits()).failures == failures
    alone = compare("graph", reference, scores[:50], reference, products, RULE, Limits())
    assert alone.failures == failures


def test_better_answers_than_the_checkpoint_s_are_no_loss() -> None:
    products, reference = make_products()
    scores = reference.copy()
    scores[np.arange(COUNT), products.categories] += 1
    found = compared(scores, reference, products, Limits(max_f1_loss=0.0))
    assert found.category_f1_loss < 0
    assert not any("category" in failure for failure in found.failures)


@pytest.mark.parametrize(
    "runs",
    [
        lambda products: OnnxRuntimeInt8().runs(products.lengths, make_workload()),
        lambda products: TensorRTPlan().runs(products.lengths, make_workload()),
        length_runs,
    ],
    ids=["cpu", "gpu", "by length"],
)
def test_every_way_to_batch_scores_every_product_once_and_in_its_place(
    runs: Callable[[HeldOut], Iterable[Run]],
) -> None:
    products, _ = make_products()
    computed = []

    def scorer(ids: Tokens, mask: Tokens) -> Scores:
        assert ((ids == 9) | (mask == 1)).all()
        computed.append(len(ids))
        sums: Scores = (ids * mask).sum(axis=1, keepdims=True).astype(np.float32)
        return sums

    scores = score(products, scorer, runs(products))
    assert scores[:, 0].tolist() == [tokens.sum() for tokens in products.token_ids]
    assert sum(computed) == COUNT


def test_the_cpu_s_batches_keep_to_the_budget() -> None:
    lengths = make_products()[0].lengths
    budget = served_module("batching").TOKEN_BUDGET
    for run in OnnxRuntimeInt8().runs(lengths, make_workload()):
        assert run.width == lengths[run.rows].max() and len(run.rows) * run.width <= budget
        assert len({row // 64 for row in run.rows}) == 1


def test_the_gpu_s_batches_have_the_lengths_of_the_plan() -> None:
    lengths = make_products()[0].lengths
    workload = make_workload(Settings.model_validate({"serving": {"max_batch_size": 4}}))
    runs = list(TensorRTPlan().runs(lengths, workload))
    assert {run.width for run in runs} == {16, MAX_LENGTH}
    for run in runs:
        assert len(run.rows) <= 4 and run.width == TensorRTPlan().width(int(lengths[run.rows].max()), workload)
