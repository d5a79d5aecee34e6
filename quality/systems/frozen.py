"""The product's base encoder as it comes, without fine-tuning, and a logistic regression on its vectors."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from transformers import AutoModel

from catalog.prepared import Part, PartTexts
from quality.systems.interface import Answered, answers_from
from quality.systems.selection import Rows, Score, accuracy, micro_f1, out_of_fold
from training.base import BaseModel, find_or_make_base, plan_base
from training.base.texts import mean_vectors
from training.data import EncodedTexts, encode_labels
from training.inference import padded_batches
from training.text_facts import count_languages
from training.thresholds import DEFAULT_THRESHOLD, choose_thresholds

if TYPE_CHECKING:  # the suite's own code is no part of what a system learns and answers
    from quality.cells import Cell, Products

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Fitting = Callable[[Floats, Rows, float, Floats], Floats]
"""Learns from vectors and the labels of these rows with a C, and returns the probabilities of other vectors, [N, K]."""

REGULARIZATIONS = (0.001, 0.01, 0.1, 1.0, 10.0)
"""C, for vectors whose numbers have the standard deviation 1. Beside the best of them, `FINER` times it is tried."""
FINER = (0.3, 3.0)
USUAL = 0.1
MOST_TO_CHOOSE = 3000
"""Products that C is chosen on: more tell the values apart no better, and cost minutes."""
STEPS = 200


def run(cell: Cell, products: Products) -> Answered:
    """Find or make the base, encode, choose C, fit and answer.

    Raises:
        BaseModelError: The base can't be found or made.
    """
    base = base_of(cell)
    started = time.monotonic()
    encoder = Encoder(base, cell.settings().training.max_length)
    scaler = StandardScaler()
    train: Floats = scaler.fit_transform(encoder.vectors([example.text for example in products.train]))
    parts = [products.validation, products.test]
    asked = [encoder.vectors([example.text for example in part]) for part in parts]
    vectors: Floats = scaler.transform(np.concatenate(asked))
    labels = encode_labels(products.train, products.taxonomy)
    categories, carried = len(products.taxonomy.category_ids), labels.tags.toarray()
    rows = np.sort(np.random.default_rng(cell.seed).permutation(len(train))[:MOST_TO_CHOOSE])

    by_category = category_fitting(labels.category, categories)
    chosen = {"category": choose(by_category, train, rows, categories, accuracy(labels.category), cell.seed)}
    answers = [by_category(train, np.arange(len(train)), chosen["category"], vectors)]
    if carried.any():
        by_tag = tag_fitting(carried)
        chosen["tags"] = choose(by_tag, train, rows, carried.shape[1], micro_f1(labels.tags.tocsr()), cell.seed)
        answers.append(by_tag(train, np.arange(len(train)), chosen["tags"], vectors))
    else:
        answers.append(np.zeros((len(vectors), carried.shape[1]), dtype=np.float32))
    seconds = time.monotonic() - started

    probabilities = np.concatenate(answers, axis=1)
    known, unknown = probabilities[: len(parts[0])], probabilities[len(parts[0]) :]
    thresholds = np.full(carried.shape[1], DEFAULT_THRESHOLD, dtype=np.float32)
    if len(known):
        true = encode_labels(parts[0], products.taxonomy).tags.toarray()
        thresholds = choose_thresholds(known[:, categories:], true)
    return Answered(
        validation=answers_from(known, thresholds, parts[0], products.taxonomy),
        test=answers_from(unknown, thresholds, parts[1], products.taxonomy),
        seconds=seconds + base.making_seconds,
        setting={"base": base.name, "pooling": base.pooling, "C": chosen},
    )


def base_of(cell: Cell) -> BaseModel:
    """The base that the product fine-tunes in this cell: the product's own where it has made one already.

    Raises:
        BaseModelError: It can't be found or made.
    """
    settings, train = cell.settings().training, Part(cell.catalog, "train")
    plan = plan_base(settings, count_languages(train))
    return find_or_make_base(plan, PartTexts(train), cell.build / "base", settings.max_length)


class Encoder:
    """A base that turns texts into vectors."""

    def __init__(self, base: BaseModel, max_length: int) -> None:
        """Load the base; texts are cut at `max_length` tokens."""
        self._tokenizer = base.tokenizer(max_length)
        self._model = AutoModel.from_pretrained(base.source, local_files_only=True).float().eval()
        self._pooling = base.pooling

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Return the pooled vectors of N texts, float32 [N, H]."""
        encoded = EncodedTexts(texts, self._tokenizer)
        result = np.zeros((len(texts), self._model.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for rows, ids, mask in padded_batches(encoded, int(self._tokenizer.pad_token_id)):
                tokens = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
                pooled = tokens[:, 0] if self._pooling == "cls" else mean_vectors(tokens, mask)
                result[rows] = pooled.numpy()
        return result


def choose(fit: Fitting, train: Floats, rows: Rows, width: int, score: Score, seed: int) -> float:
    """Choose C by cross-validation.

    Args:
        fit: learns and answers.
        train: the training products' vectors, [N, H].
        rows: the products to choose by.
        width: labels.
        score: of the probabilities of `rows`.
        seed: of the folds.
    """
    if len(rows) < 2:
        return USUAL
    scores: dict[float, float] = {}

    def attempt(regularization: float) -> None:
        def one(learnt: Rows, asked: Rows) -> Floats:
            return fit(train, rows[learnt], regularization, train[rows[asked]])

        scores[regularization] = score(out_of_fold(one, len(rows), width, seed), rows)
        logger.info("C %g: %.4f", regularization, scores[regularization])

    for regularization in REGULARIZATIONS:
        attempt(regularization)
    best = max(scores, key=lambda value: scores[value])
    for factor in FINER:
        attempt(best * factor)
    return max(scores, key=lambda value: scores[value])


def category_fitting(numbers: npt.NDArray[np.int64], width: int) -> Fitting:
    """How categories, numbers [N] below `width`, are learnt: by one softmax over all."""

    def fit(train: Floats, rows: Rows, regularization: float, asked: Floats) -> Floats:
        return _probabilities(train[rows], numbers[rows], regularization, asked, width)

    return fit


def tag_fitting(carried: npt.NDArray[np.bool_]) -> Fitting:
    """How tags, bool [N, T], are learnt: each by itself."""

    def fit(train: Floats, rows: Rows, regularization: float, asked: Floats) -> Floats:
        answers = np.zeros((len(asked), carried.shape[1]), dtype=np.float32)
        for column in range(carried.shape[1]):
            flags = carried[rows, column].astype(np.int64)
            answers[:, column] = _probabilities(train[rows], flags, regularization, asked, 2)[:, 1]
        return answers

    return fit


def _probabilities(
    vectors: Floats, numbers: npt.NDArray[np.int64], regularization: float, asked: Floats, width: int
) -> Floats:
    """Learn the classes of vectors and return the probability of each for others, float32 [N, width]."""
    answers = np.zeros((len(asked), width), dtype=np.float32)
    present = np.unique(numbers)
    if len(present) == 1:
        answers[:, present[0]] = 1.0
        return answers
    machine = LogisticRegression(C=regularization, max_iter=STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # close enough to its optimum
        machine.fit(vectors, numbers)
    if len(asked):
        answers[:, machine.classes_] = machine.predict_proba(asked)
    return answers
