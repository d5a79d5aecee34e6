"""The gate: no release unless its graphs answer on held-out products what the PyTorch checkpoint answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from catalog.heads import CATEGORY, TAG, DecisionRule
from catalog.reliability import expected_calibration_error
from export.held_out import HeldOut, Scores

POINTS = 100
"""F1 is told in points of a hundred."""
FEW = 2
"""So many products never fail the limit of the calibration error, however few there are."""


@dataclass(frozen=True)
class Limits:
    """What a graph must hold against the checkpoint; None: not limited.

    Attributes:
        max_difference: largest difference of any probability.
        min_equal_categories: share of products with the same best category.
        max_f1_loss: how much of the category's macro-F1 and of the tags' micro-F1 may be lost, of 1.
        max_mean_difference: mean over products of the largest difference of one.
        max_calibration_loss: how much the calibration error of the categories and of the tags may grow, of 1.
        max_neighbour_difference: how far a probability may move with the texts that share the batch.
    """

    max_difference: float | None = None
    min_equal_categories: float | None = None
    max_f1_loss: float | None = None
    max_mean_difference: float | None = None
    max_calibration_loss: float | None = None
    max_neighbour_difference: float | None = None


@dataclass(frozen=True)
class Comparison:
    """How one graph answered N products, beside the checkpoint.

    Attributes:
        graph: its name.
        products: N.
        max_difference: largest difference of any probability.
        mean_difference: mean over products of the largest difference of one.
        equal_categories: share of products with the same best category.
        equal_tags: share of products that are given the same tags.
        category_macro_f1: against the labels, over the categories that occur; tag_micro_f1 over all tags.
        category_f1_loss: points of 1 by which the graph is worse than the checkpoint; negative: better.
        tag_f1_loss: likewise.
        category_ece: expected calibration error of the categories given; tag_ece of all tags' probabilities.
        category_ece_loss: by how much it is larger than the checkpoint's; negative: smaller.
        tag_ece_loss: likewise.
        neighbour_difference: largest difference between a product's probabilities computed in a full batch and alone.
        cpu_milliseconds: processor time a product took in these batches; a hint, as other work disturbs it.
        failures: what isn't held, a sentence each; empty: the gate is passed.
    """

    graph: str
    products: int
    max_difference: float
    mean_difference: float
    equal_categories: float
    equal_tags: float
    category_macro_f1: float
    tag_micro_f1: float
    category_f1_loss: float
    tag_f1_loss: float
    category_ece: float
    tag_ece: float
    category_ece_loss: float
    tag_ece_loss: float
    neighbour_difference: float
    cpu_milliseconds: float
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all limits are held."""
        return not self.failures

    def as_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {**asdict(self), "passed": self.passed}


@dataclass(frozen=True)
class Quality:
    """How good answers are, beside the labels.

    Attributes:
        category_macro_f1: over the categories that occur.
        tag_micro_f1: over all tags; 0 where nothing is tagged.
        category_ece: expected calibration error of the categories given.
        tag_ece: the same of all tags' probabilities; 0 without tags.
    """

    category_macro_f1: float
    tag_micro_f1: float
    category_ece: float
    tag_ece: float


def measure(scores: Scores, products: HeldOut, rule: DecisionRule) -> Quality:
    """Compare the answers, probabilities float32 [N, C + T], with the labels of the N products."""
    found = rule.decide(scores)
    f1 = f1_score(products.categories, found.category, average="macro", zero_division=0)
    # All tags as one list of yes and no: scikit-learn reads a matrix of one tag as a problem of two classes.
    tags, given = products.tags.ravel(), found.tags.ravel()
    stated = np.nan_to_num(scores).clip(0, 1)
    confidence = stated[:, rule.layout.columns(CATEGORY)].max(axis=1)
    return Quality(
        category_macro_f1=float(f1),
        tag_micro_f1=float(f1_score(tags, given, zero_division=0)) if len(tags) else 0.0,
        category_ece=expected_calibration_error(confidence, found.category == products.categories),
        tag_ece=expected_calibration_error(stated[:, rule.layout.columns(TAG)].ravel(), tags),
    )


def compare(
    graph: str,
    scores: Scores,
    alone: Scores,
    reference: Scores,
    products: HeldOut,
    rule: DecisionRule,
    limits: Limits,
    cpu_seconds: float = 0.0,
) -> Comparison:
    """Compare a graph's answers with the checkpoint's and with the limits.

    Args:
        graph: its name in the table.
        scores: its probabilities, float32 [N, C + T], computed in batches as the server does.
        alone: its probabilities of the first M products, float32 [M, C + T], each computed alone.
        reference: the checkpoint's, float32 [N, C + T].
        products: the N products.
        rule: what the server answers to the probabilities.
        limits: what must be held.
        cpu_seconds: processor time that `scores` took.
    """
    differences = np.abs(scores - reference).max(axis=1)
    found, wanted = rule.decide(scores), rule.decide(reference)
    equal = found.category == wanted.category
    same_tags = (found.tags == wanted.tags).all(axis=1)
    own, other = measure(scores, products, rule), measure(reference, products, rule)
    # NaN compares false with everything: it must fail the gate, not pass it.
    finite = bool(np.isfinite(scores).all() and np.isfinite(alone).all())
    comparison = Comparison(
        graph=graph,
        products=len(products),
        max_difference=float(differences.max()) if finite else float("inf"),
        mean_difference=float(differences.mean()) if finite else float("inf"),
        equal_categories=float(equal.mean()),
        equal_tags=float(same_tags.mean()),
        category_macro_f1=own.category_macro_f1,
        tag_micro_f1=own.tag_micro_f1,
        category_f1_loss=other.category_macro_f1 - own.category_macro_f1,
        tag_f1_loss=other.tag_micro_f1 - own.tag_micro_f1,
        category_ece=own.category_ece,
        tag_ece=own.tag_ece,
        category_ece_loss=own.category_ece - other.category_ece,
        tag_ece_loss=own.tag_ece - other.tag_ece,
        neighbour_difference=float(np.abs(scores[: len(alone)] - alone).max()) if finite else float("inf"),
        cpu_milliseconds=1000 * cpu_seconds / len(products),
        failures=(),
    )
    return Comparison(**{**asdict(comparison), "failures": tuple(_failures(comparison, limits, finite))})


def _failures(found: Comparison, limits: Limits, finite: bool) -> list[str]:
    """What isn't held.

    One product alone never fails the gate. Among 50 it would weigh 2 %, four times what a limit of 0.5 % allows, though
    the graph may be as good as any other.
    """
    failures = []
    several_categories = (1 - found.equal_categories) * found.products > 1.5
    several_tags = (1 - found.equal_tags) * found.products > 1.5
    if not finite:
        failures.append(f"{found.graph}: some probabilities are not numbers")
    for told, difference, most in (
        ("a probability differs by {:.2g}", found.max_difference, limits.max_difference),
        ("the probabilities of a product differ by {:.2g} on average", found.mean_difference,
         limits.max_mean_difference),
        ("a probability moves by {:.2g} with the texts beside it", found.neighbour_difference,
         limits.max_neighbour_difference),
    ):  # fmt: skip
        if most is not None and difference > most:
            failures.append(f"{found.graph}: {told.format(difference)}, allowed is {most:g}")
    least = limits.min_equal_categories
    if least is not None and found.equal_categories < least and several_categories:
        failures.append(
            f"{found.graph}: {found.equal_categories:.2%} of the products keep their category, "
            f"at least {least:.2%} must"
        )
    if limits.max_f1_loss is not None:
        for name, loss, several in (
            ("category macro-F1", found.category_f1_loss, several_categories),
            ("tag micro-F1", found.tag_f1_loss, several_tags),
        ):
            if loss > limits.max_f1_loss and several:
                failures.append(
                    f"{found.graph}: {POINTS * loss:.2f} points of {name} are lost, "
                    f"allowed are {POINTS * limits.max_f1_loss:.2f}"
                )
    if limits.max_calibration_loss is not None:
        # A product that crosses the edge of a bin can move the error by its share.
        most = max(limits.max_calibration_loss, FEW / found.products)
        for name, loss in (("categories", found.category_ece_loss), ("tags", found.tag_ece_loss)):
            if loss > most:
                failures.append(
                    f"{found.graph}: the calibration error of the {name} grows by {loss:.4f}, allowed is {most:.4f}"
                )
    return failures


def format_table(reference: Quality, comparisons: Sequence[Comparison]) -> str:
    """The comparisons as a table for people, the checkpoint first, and below it what isn't held."""
    rows = [
        ("", "max |Δp|", "mean |Δp|", "categories equal", "tags equal", "category macro-F1", "tag micro-F1",
         "category ECE", "tag ECE", "alone", "CPU", ""),
        ("PyTorch", "", "", "", "", f"{reference.category_macro_f1:.4f}", f"{reference.tag_micro_f1:.4f}",
         f"{reference.category_ece:.4f}", f"{reference.tag_ece:.4f}", "", "", ""),
        *map(_cells, comparisons),
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, len(row) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *(f"FAILED  {sentence}." for one in comparisons for sentence in one.failures)])


def _cells(one: Comparison) -> tuple[str, ...]:
    return (
        one.graph,
        _difference(one.max_difference),
        _difference(one.mean_difference),
        f"{one.equal_categories:.2%}",
        f"{one.equal_tags:.2%}",
        f"{one.category_macro_f1:.4f} ({_points(-one.category_f1_loss)})",
        f"{one.tag_micro_f1:.4f} ({_points(-one.tag_f1_loss)})",
        f"{one.category_ece:.4f} ({_points(one.category_ece_loss)})",
        f"{one.tag_ece:.4f} ({_points(one.tag_ece_loss)})",
        _difference(one.neighbour_difference),
        f"{one.cpu_milliseconds:.2f} ms",
        "passed" if one.passed else "FAILED",
    )


def _difference(value: float) -> str:
    return f"{value:.1e}" if value < 1e-3 else f"{value:.4f}"


def _points(share: float) -> str:
    """Signed, and without a sign where it rounds to nothing."""
    text = f"{POINTS * share:+.2f}"
    return "0.00" if float(text) == 0 else text
