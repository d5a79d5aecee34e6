"""A linear baseline: TF-IDF and support vector machines, the neighbour a fine-tuned model has to beat.

It is meant to be a strong neighbour. It sees the same texts and is fitted on the same split. As the fine-tuned model
does, it chooses a threshold per tag on the validation split. It reads English in words and pairs of words and Chinese,
which has no spaces, in runs of one to three characters. Its memory is bounded: where all words and pairs don't fit,
those of a few products only are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from catalog.prepared import Example
from catalog.taxonomy import Taxonomy
from training.data import Labels, encode_labels
from training.linear_machines import LinearMachines
from training.thresholds import choose_thresholds
from training.vocabulary_bound import LARGEST_MIB, bounded_features

Floats = NDArray[np.float32]

# A run of CJK ideographs (with kana, which marketplace titles carry too), or a word of at least two word characters.
_CJK = "\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff"
_PIECES = re.compile(rf"[{_CJK}]+|[^\W{_CJK}]{{2,}}")
_FIRST_CJK = re.compile(rf"[{_CJK}]")

_MIN_CALIBRATION_POSITIVES = 5
"""A tag with fewer positives in the calibration examples keeps the default scale and threshold: too few to choose."""
_SCALE_STEPS = np.geomspace(0.5, 16.0, 41)


def features(text: str) -> Iterator[str]:
    """Yield the features of a text: words and word pairs, and 1–3-character pieces of each CJK run.

    A word pair never spans a CJK run, whose characters stand between the two words.
    """
    previous: str | None = None
    for piece in _PIECES.findall(text.lower()):
        if _FIRST_CJK.match(piece):
            previous = None
            for size in (1, 2, 3):
                for start in range(len(piece) - size + 1):
                    yield piece[start : start + size]
        else:
            yield piece
            if previous is not None:
                yield f"{previous} {piece}"
            previous = piece


class LinearBaseline:
    """TF-IDF features, one linear support vector machine a label, margins turned into probabilities.

    The category's margins become probabilities by a softmax with a fitted temperature, each tag's by a fitted logistic
    curve (Platt scaling). Both are fitted on examples the machines did not see.

    Attributes:
        thresholds: float32 [T], the probability from which each tag is predicted.
    """

    def __init__(self, *, regularization: float = 1.0, seed: int = 13, largest_mib: float = LARGEST_MIB) -> None:
        """Set up without fitting.

        Args:
            regularization: the machines' C; larger fits the training examples more closely.
            seed: of the solver's shuffling and of the calibration split.
            largest_mib: memory that the features and their coefficients may take, in MiB.
        """
        self._largest_mib = largest_mib
        self.thresholds: Floats = np.zeros(0, dtype=np.float32)
        self._regularization = regularization
        self._seed = seed
        self._vectorizer: TfidfVectorizer | None = None
        self._category_machine = LinearMachines(regularization, seed)
        self._tag_machine = LinearMachines(regularization, seed)
        self._temperature = 1.0
        self._scales = np.zeros((0, 2))

    def fit(
        self, examples: Sequence[Example], taxonomy: Taxonomy, validation: Sequence[Example] | None = None
    ) -> LinearBaseline:
        """Fit on `examples`; calibrate, and choose the tags' thresholds, on `validation`.

        Without a validation split the calibration is fitted on every tenth example, left out of a first fit; the
        thresholds then stay at 0.5.

        Args:
            examples: training examples; at least one, with a text that holds a word.
            taxonomy: fixes the order of the columns; labels outside it are ignored.
            validation: examples that are not in `examples`.

        Returns:
            The fitted baseline itself.

        Raises:
            ValueError: there is no example.
            TaxonomyError: an example's category is not in the taxonomy.
            TooLargeError: the features of the examples don't fit into the memory that they may take.
        """
        if not examples:
            raise ValueError("The linear baseline has no example to learn from; give it at least one.")
        labels = encode_labels(examples, taxonomy)
        texts = _texts_with_a_feature(examples)
        columns = len(taxonomy.category_ids), len(taxonomy.tag_ids)
        analyzer = bounded_features(texts, features, sum(columns), self._largest_mib)
        self._vectorizer = TfidfVectorizer(analyzer=analyzer, dtype=np.float64)
        matrix = self._vectorizer.fit_transform(texts)

        if validation:
            self._fit_machines(matrix, labels, columns)
            held_out = self._vectorizer.transform([example.text for example in validation])
            held_out_labels = encode_labels(validation, taxonomy)
        else:
            left_out = np.zeros(len(examples), dtype=bool)
            if len(examples) >= 20:
                left_out[np.random.default_rng(self._seed).permutation(len(examples))[: len(examples) // 10]] = True
            self._fit_machines(matrix[~left_out], labels.of(~left_out), columns)
            held_out, held_out_labels = matrix[left_out], labels.of(left_out)

        held_out_tags = held_out_labels.tags.toarray()
        self._calibrate(held_out, held_out_labels.category, held_out_tags)
        self.thresholds = np.full(columns[1], 0.5, dtype=np.float32)
        if validation:
            self.thresholds = choose_thresholds(self._tag_probabilities(held_out), held_out_tags)
        else:
            self._fit_machines(matrix, labels, columns)
        return self

    def category_probabilities(self, texts: Sequence[str]) -> Floats:
        """Return the probability of every category for each text, float32 [N, C]; rows sum to 1."""
        return self._category_probabilities(self._transform(texts))

    def tag_probabilities(self, texts: Sequence[str]) -> Floats:
        """Return the probability of every tag for each text, float32 [N, T]."""
        return self._tag_probabilities(self._transform(texts))

    def _transform(self, texts: Sequence[str]) -> csr_matrix:
        if self._vectorizer is None:
            raise RuntimeError("The linear baseline is not fitted; call fit() first.")
        return self._vectorizer.transform(texts)

    def _fit_machines(self, matrix: csr_matrix, labels: Labels, columns: tuple[int, int]) -> None:
        flags = labels.columns(columns[0])
        self._category_machine.fit(matrix, islice(flags, columns[0]), columns[0])
        self._tag_machine.fit(matrix, flags, columns[1])

    def _calibrate(self, matrix: csr_matrix, categories: NDArray[np.int64], tags: NDArray[np.bool_]) -> None:
        """Fit the softmax's temperature and each tag's logistic curve on examples the machines did not see."""
        self._temperature = 4.0
        if matrix.shape[0]:
            margins = self._category_machine.margins(matrix)
            losses = [_log_loss(softmax(margins * scale, axis=1), categories) for scale in _SCALE_STEPS]
            self._temperature = float(_SCALE_STEPS[int(np.argmin(losses))])
        # Margin 0 means probability one half unless the held-out examples say otherwise.
        self._scales = np.tile([4.0, 0.0], (tags.shape[1], 1))
        if not matrix.shape[0] or not tags.shape[1]:
            return
        margins = self._tag_machine.margins(matrix)
        for column in range(tags.shape[1]):
            positives = int(tags[:, column].sum())
            if _MIN_CALIBRATION_POSITIVES <= positives < len(tags):
                curve = LogisticRegression(C=100.0).fit(margins[:, [column]], tags[:, column])
                if curve.coef_[0, 0] > 0:
                    self._scales[column] = curve.coef_[0, 0], curve.intercept_[0]

    def _category_probabilities(self, matrix: csr_matrix) -> Floats:
        probabilities: Floats = softmax(self._category_machine.margins(matrix) * self._temperature, axis=1)
        return probabilities.astype(np.float32)

    def _tag_probabilities(self, matrix: csr_matrix) -> Floats:
        margins = self._tag_machine.margins(matrix)
        probabilities: Floats = expit(margins * self._scales[:, 0] + self._scales[:, 1]).astype(np.float32)
        return probabilities


def _log_loss(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return -float(np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def _texts_with_a_feature(examples: Sequence[Example]) -> list[str]:
    texts = [example.text for example in examples]
    if not any(True for text in texts for _ in features(text)):
        raise ValueError("None of the texts the linear baseline learns from holds a word; it can't be fitted.")
    return texts
