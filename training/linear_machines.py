"""Linear support vector machines, one a label, over sparse features."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC


class LinearMachines:
    """One linear support vector machine a column; a column with one class only is answered by a constant margin.

    Attributes:
        coefficients: float32 [features, columns].
        intercepts: float32 [columns].
    """

    def __init__(self, regularization: float, seed: int) -> None:
        """Set up without fitting.

        Args:
            regularization: the machines' C; larger fits the examples more closely.
            seed: of the solver's shuffling.
        """
        self._regularization = regularization
        self._seed = seed
        self.coefficients: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        self.intercepts: NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    def fit(
        self,
        matrix: csr_matrix,
        columns: Iterable[NDArray[np.bool_]],
        count: int,
        weights: Iterable[NDArray[np.float32]] | None = None,
    ) -> None:
        """Fit one machine for each column of labels.

        Args:
            matrix: the examples' features, float64 [N, features]: the solver reads nothing else, and scikit-learn
                would convert another matrix anew for every column.
            columns: bool [N] each.
            count: how many columns there are.
            weights: what each example counts for each column, [N]; None: all the same.
        """
        # One array that is filled column by column: a list of them would hold everything twice at the end.
        self.coefficients = np.zeros((matrix.shape[1], count), dtype=np.float32)
        self.intercepts = np.zeros(count, dtype=np.float32)
        alike: Iterable[None] = repeat(None)
        for column, (labels, counts) in enumerate(zip(columns, weights or alike, strict=False)):
            counting = labels if counts is None else labels[counts > 0]
            if counting.all() or not counting.any():
                self.intercepts[column] = 2.0 if counting.all() else -2.0
                continue
            machine = LinearSVC(C=self._regularization, random_state=self._seed)
            with warnings.catch_warnings():
                # A column of a few positives stops at the iteration limit, close enough to its optimum.
                warnings.simplefilter("ignore", ConvergenceWarning)
                machine.fit(matrix, labels, sample_weight=counts)
            self.coefficients[:, column] = machine.coef_[0]
            self.intercepts[column] = machine.intercept_[0]

    def margins(self, matrix: csr_matrix) -> NDArray[np.float32]:
        """Return the signed margin of every column, float32 [N, columns], of features [N, features]."""
        # In one type on both sides: scipy would make a float64 copy of the coefficients for a float64 matrix.
        margins: NDArray[np.float32] = np.asarray(matrix.astype(np.float32) @ self.coefficients) + self.intercepts
        return margins
