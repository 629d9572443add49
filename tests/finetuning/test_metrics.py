"""Measures against scikit-learn and against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.metrics import log_loss as sklearn_log_loss

from cutaway.finetuning.metrics import accuracy, calibration_error, confusion, log_loss


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(20, 200))
def test_equal_to_scikit_learn(seed: int, classes: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(classes), size=rows)
    truth = random.integers(classes, size=rows)
    answers = probabilities.argmax(1)
    assert accuracy(probabilities, truth) == pytest.approx(accuracy_score(truth, answers))
    assert log_loss(probabilities, truth) == pytest.approx(
        sklearn_log_loss(truth, probabilities, labels=range(classes))
    )
    assert (confusion(probabilities, truth) == confusion_matrix(truth, answers, labels=range(classes))).all()


def test_calibration_error_by_hand() -> None:
    # Two bins are filled: 0.6 confident and right half the time; 0.95 confident and always right.
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.95, 0.05], [0.95, 0.05]])
    truth = np.array([0, 1, 0, 0])
    assert calibration_error(probabilities, truth) == pytest.approx(0.5 * 0.1 + 0.5 * 0.05)


def test_a_certain_mistake_is_finite() -> None:
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-12))
