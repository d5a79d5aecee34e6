"""Linear support vector machines, one a label, over sparse features."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC


class LinearMachines:
    """One linear support vector machine a column; a column with one class only is answered by a constant margin.

    Attributes:
        coefficients: float64 [columns, features].
        intercepts: float64 [columns].
    """

    def __init__(self, regularization: float, seed: int) -> None:
        """Set up without fitting.

        Args:
            regularization: the machines' C; larger fits the examples more closely.
            seed: of the solver's shuffling.
        """
        self._regularization = regularization
        self._seed = seed
        self.coefficients = np.zeros((0, 0))
        self.intercepts = np.zeros(0)

    def fit(
        self,
        matrix: csr_matrix,
        columns: Iterable[NDArray[np.bool_]],
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        """Fit one machine for each column of labels.

        Args:
            matrix: the examples' features [N, features].
            columns: bool [N] each.
            weights: what each example counts, [N]; None: all the same.
        """
        coefficients, intercepts = [], []
        for labels in columns:
            if labels.all() or not labels.any():
                coefficients.append(np.zeros(matrix.shape[1]))
                intercepts.append(2.0 if labels.all() else -2.0)
                continue
            machine = LinearSVC(C=self._regularization, random_state=self._seed)
            with warnings.catch_warnings():
                # A column of a few positives stops at the iteration limit, close enough to its optimum.
                warnings.simplefilter("ignore", ConvergenceWarning)
                machine.fit(matrix, labels, sample_weight=weights)
            coefficients.append(machine.coef_[0])
            intercepts.append(float(machine.intercept_[0]))
        self.coefficients = np.array(coefficients).reshape(len(coefficients), matrix.shape[1])
        self.intercepts = np.array(intercepts)

    def margins(self, matrix: csr_matrix) -> NDArray[np.float64]:
        """Return the signed margin of every column, float64 [N, columns]."""
        margins: NDArray[np.float64] = np.asarray(matrix @ self.coefficients.T) + self.intercepts
        return margins
