"""TF-IDF and linear support vector machines over words and characters, with the setting that suits the products.

The product's own baseline (training/baseline.py) is one of the settings. What else is tried are runs of characters,
which read misspelt and joined words, and how closely the machines fit. Category and tags choose each for themselves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from quality.systems.interface import Answered, answers_from
from quality.systems.selection import FOLDS, Score, accuracy, chosen_rows, micro_f1, out_of_fold
from training.baseline import features
from training.data import encode_labels
from training.linear_machines import LinearMachines
from training.thresholds import DEFAULT_THRESHOLD, choose_thresholds
from training.vocabulary_bound import LARGEST_WORK, TooLargeError, bounded_features

if TYPE_CHECKING:  # the suite's own code is no part of what a system learns and answers
    from quality.cells import Cell, Products

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]
Columns = npt.NDArray[np.bool_]
Analyzer = Callable[[str], Iterable[str]]

WORDS, BOTH = "words", "words and characters"
KINDS = (WORDS, BOTH)
USUAL = 1.0
REGULARIZATIONS = (0.3, USUAL, 3.0, 10.0)
SHORTEST, LONGEST = 2, 5
"""Lengths of the runs of characters."""
LARGEST_MIB = 1024
"""Most memory of the features of one kind with their coefficients: words and characters together take two of them."""
FEATURE_BYTES = 200
"""What a feature takes beside its coefficients, at most."""
CHOICE_WORK = 2_000_000_000
"""Features of products times labels that choosing may fit in all, about five to ten minutes."""
ENOUGH = 20
"""With fewer validation products, probabilities are calibrated on the margins of the training products out of fold."""
CALIBRATION_FOLDS = 10
"""More than for choosing: machines that saw far fewer products have other margins, which thresholds suffer from."""
_SCALES = np.geomspace(0.5, 16.0, 41)
_MIN_POSITIVES = 5


def characters(text: str) -> Iterator[str]:
    """Yield the runs of 2 to 5 characters within each word, with a space before and behind it."""
    for word in text.lower().split():
        padded = f" {word} "
        for size in range(SHORTEST, min(LONGEST, len(padded)) + 1):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


class Features:
    """TF-IDF of words, and of runs of characters where they are wanted and fit."""

    def __init__(self, kind: str, columns: int) -> None:
        """Set up without fitting.

        Args:
            kind: one of `KINDS`.
            columns: labels that get a coefficient for each feature.
        """
        self._kind, self._columns = kind, columns
        self._vectorizers: list[TfidfVectorizer] = []

    def fit(self, texts: Sequence[str]) -> csr_matrix:
        """Learn the features of texts and return them, float64 [N, features].

        Raises:
            TooLargeError: They don't fit into the memory or the time that they may take.
        """
        self._vectorizers = []
        for analyzer in (features, characters)[: 1 + (self._kind == BOTH)]:
            kept = kept_features(texts, analyzer, self._columns)
            # The words as the product's baseline counts them; characters repeat, and are damped.
            vectorizer = TfidfVectorizer(analyzer=kept, dtype=np.float64, sublinear_tf=analyzer is characters)
            self._vectorizers.append(vectorizer.fit(texts))
        return self.transform(texts)

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """Return the features of texts, float64 [N, features]."""
        return hstack([vectorizer.transform(texts) for vectorizer in self._vectorizers], format="csr")


def kept_features(texts: Sequence[str], analyzer: Analyzer, columns: int) -> Analyzer:
    """Return what gives the features of a text: all of them, or where these don't fit those of more products.

    Raises:
        TooLargeError: Even those don't fit.
    """
    postings = sum(len(set(analyzer(text))) for text in texts)
    # Few texts fit whatever they hold: then it need not be counted which product has which.
    if postings * (columns * 4 + FEATURE_BYTES) <= LARGEST_MIB << 20 and postings * columns <= LARGEST_WORK:
        return analyzer
    return bounded_features(texts, analyzer, columns, LARGEST_MIB)


@dataclass(frozen=True)
class Setting:
    """How a head's machines are fitted.

    Attributes:
        kind: of the features.
        regularization: the machines' C.
        score: what it reached in cross-validation; None where nothing was tried.
    """

    kind: str
    regularization: float
    score: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it for the result file."""
        return {"features": self.kind, "C": self.regularization, "cross_validated": self.score}


@dataclass(frozen=True)
class Head:
    """The labels that are learnt together: the categories, or the tags.

    Attributes:
        columns: which product has which, sparse bool [N, K].
        score: of margins, for choosing.
    """

    columns: csr_matrix
    score: Score

    @property
    def width(self) -> int:
        """K."""
        return int(self.columns.shape[1])


class Machines:
    """A head's features and machines, fitted."""

    def __init__(self, setting: Setting, texts: Sequence[str], columns: csr_matrix, seed: int) -> None:
        """Fit.

        Raises:
            TooLargeError: The features don't fit into what they may take.
        """
        self._features = Features(setting.kind, columns.shape[1])
        self._machines = fitted(self._features.fit(texts), columns, setting.regularization, seed)

    def margins(self, texts: Sequence[str]) -> Floats:
        """Return the margins of texts, float32 [N, K]."""
        return self._machines.margins(self._features.transform(texts))


def run(cell: Cell, products: Products) -> Answered:
    """Choose, fit, calibrate and answer."""
    started = time.monotonic()
    taxonomy, seed = products.taxonomy, cell.seed
    texts = [example.text for example in products.train]
    held_out = [example.text for example in products.validation]
    labels, validation = encode_labels(products.train, taxonomy), encode_labels(products.validation, taxonomy)
    categories = len(taxonomy.category_ids)
    heads = {"category": Head(one_hot(labels.category, categories), accuracy(labels.category))}
    if labels.tags.nnz:
        heads["tags"] = Head(labels.tags.tocsr(), micro_f1(labels.tags.tocsr()))
    settings = {name: choose(head, texts, labels.category, seed) for name, head in heads.items()}
    machines = {}
    for name, head in heads.items():
        settings[name], machines[name] = fit_largest(settings[name], head, texts, seed)
    known, source = (held_out, validation) if len(held_out) >= ENOUGH else (None, labels)
    margins = {
        name: machines[name].margins(known) if known is not None else _unseen(settings[name], head, texts, seed)
        for name, head in heads.items()
    }
    temperature = _temperature(margins["category"], source.category)
    curves = _curves(margins["tags"], source.tags.toarray()) if "tags" in heads else None
    seconds = time.monotonic() - started

    def probabilities(asked: Sequence[str]) -> Floats:
        parts = [softmax(machines["category"].margins(asked) * temperature, axis=1)]
        if curves is not None:
            parts.append(expit(machines["tags"].margins(asked) * curves[:, 0] + curves[:, 1]))
        else:
            parts.append(np.zeros((len(asked), len(taxonomy.tag_ids))))
        joined: Floats = np.concatenate(parts, axis=1).astype(np.float32)
        return joined

    thresholds = np.full(len(taxonomy.tag_ids), DEFAULT_THRESHOLD, dtype=np.float32)
    if curves is not None:
        known_tags = expit(margins["tags"] * curves[:, 0] + curves[:, 1]).astype(np.float32)
        thresholds = choose_thresholds(known_tags, source.tags.toarray())
    asked = [example.text for example in products.test]
    return Answered(
        validation=answers_from(probabilities(held_out), thresholds, products.validation, taxonomy),
        test=answers_from(probabilities(asked), thresholds, products.test, taxonomy),
        seconds=seconds,
        setting={name: setting.to_json() for name, setting in settings.items()},
    )


def choose(head: Head, texts: Sequence[str], categories: npt.NDArray[np.int64], seed: int) -> Setting:
    """Choose a head's setting by cross-validation on as many training products as the work allows.

    First the features with the usual C, then C with these features.

    Args:
        head: what is learnt, of N products.
        texts: theirs.
        categories: numbers of theirs, for the draw, [N].
        seed: of the draw and the folds.
    """
    if len(texts) < 2 * ENOUGH_TO_CHOOSE:
        return Setting(WORDS, USUAL)
    postings = sum(1 for text in texts for analyzer in (features, characters) for _ in set(analyzer(text)))
    fits = len(KINDS) + len(REGULARIZATIONS) - 1
    rows = chosen_rows(categories, CHOICE_WORK / max(1, 2 * fits * postings * head.width), seed)
    some = [texts[row] for row in rows]
    columns = head.columns[rows]
    if len(rows) < len(texts):
        logger.info("Choosing by %s of %s products.", f"{len(rows):,}", f"{len(texts):,}")
    matrices: dict[str, csr_matrix] = {}
    for kind in KINDS:
        try:
            matrices[kind] = Features(kind, head.width).fit(some)
        except TooLargeError as error:
            logger.info("Left out: %s (%s).", kind, error)
    tried: list[Setting] = []

    def attempt(kind: str, regularization: float) -> None:
        margins = _out_of_fold(matrices[kind], columns, regularization, seed)
        tried.append(Setting(kind, regularization, head.score(margins, rows)))
        logger.info("%s, C %g: %.4f", kind, regularization, tried[-1].score)

    for kind in matrices:
        attempt(kind, USUAL)
    if not tried:
        return Setting(WORDS, USUAL)
    best = max(tried, key=_score).kind
    for regularization in REGULARIZATIONS:
        if regularization != USUAL:
            attempt(best, regularization)
    return max(tried, key=_score)


ENOUGH_TO_CHOOSE = 10
"""With fewer products a fold nothing can be told apart: the product's own baseline is taken."""


def _score(setting: Setting) -> float:
    return setting.score or 0.0


def fit_largest(setting: Setting, head: Head, texts: Sequence[str], seed: int) -> tuple[Setting, Machines]:
    """Fit on all products; on words alone where the characters of so many don't fit.

    Raises:
        TooLargeError: Words alone don't fit either.
    """
    try:
        return setting, Machines(setting, texts, head.columns, seed)
    except TooLargeError as error:
        if setting.kind == WORDS:
            raise
        logger.info("Words alone: %s.", error)
        words = Setting(WORDS, setting.regularization, setting.score)
        return words, Machines(words, texts, head.columns, seed)


def one_hot(numbers: npt.NDArray[np.int64], width: int) -> csr_matrix:
    """Return numbers [N] as sparse flags, bool [N, width]."""
    count = len(numbers)
    return csr_matrix((np.ones(count, dtype=np.bool_), (np.arange(count), numbers)), shape=(count, width))


def fitted(matrix: csr_matrix, columns: csr_matrix, regularization: float, seed: int) -> LinearMachines:
    """Fit a machine for each column of labels, sparse bool [N, K], on features [N, features]."""
    machines = LinearMachines(regularization, seed)
    by_column = columns.tocsc()

    def flags() -> Iterator[Columns]:
        for number in range(by_column.shape[1]):
            one = np.zeros(by_column.shape[0], dtype=np.bool_)
            one[by_column.indices[by_column.indptr[number] : by_column.indptr[number + 1]]] = True
            yield one

    machines.fit(matrix, flags(), by_column.shape[1])
    return machines


def _out_of_fold(
    matrix: csr_matrix, columns: csr_matrix, regularization: float, seed: int, number: int = FOLDS
) -> Floats:
    return out_of_fold(
        lambda learnt, asked: fitted(matrix[learnt], columns[learnt], regularization, seed).margins(matrix[asked]),
        matrix.shape[0],
        columns.shape[1],
        seed,
        number,
    )


def _unseen(setting: Setting, head: Head, texts: Sequence[str], seed: int) -> Floats:
    """The margins of the training products, by machines that did not see them."""
    if len(texts) < 2:
        return np.zeros((len(texts), head.width), dtype=np.float32)
    matrix = Features(setting.kind, head.width).fit(texts)
    return _out_of_fold(matrix, head.columns, setting.regularization, seed, CALIBRATION_FOLDS)


def _temperature(margins: Floats, categories: npt.NDArray[np.int64]) -> float:
    """What the margins are multiplied with before the softmax: where the log-loss is least."""
    rows = np.arange(len(categories))
    losses = [
        -np.log(np.maximum(softmax(margins * scale, axis=1)[rows, categories], 1e-12)).mean() for scale in _SCALES
    ]
    return float(_SCALES[int(np.argmin(losses))])


def _curves(margins: Floats, tags: Columns) -> npt.NDArray[np.float64]:
    """Slope and offset of each tag's logistic curve, [T, 2] (Platt scaling)."""
    curves = np.tile([4.0, 0.0], (tags.shape[1], 1))
    for column in range(tags.shape[1]):
        if _MIN_POSITIVES <= int(tags[:, column].sum()) < len(tags):
            curve = LogisticRegression(C=100.0).fit(margins[:, [column]], tags[:, column])
            if curve.coef_[0, 0] > 0:
                curves[column] = curve.coef_[0, 0], curve.intercept_[0]
    return curves
