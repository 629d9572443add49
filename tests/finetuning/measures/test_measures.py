"""Every measure against scikit-learn or scipy, on random answers with ties, rare and absent classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import calibration, metrics

from cutaway.core.errors import DataError, UsageError
from cutaway.finetuning.measures.all_measures import cell_rows, measure_all, row_losses
from cutaway.finetuning.measures.bootstrap import BootstrapSettings, interval, mean_interval
from cutaway.finetuning.measures.by_class import class_scores, macro_f1, matthews, micro_f1
from cutaway.finetuning.measures.calibration import expected_error, overconfidence, reliability
from cutaway.finetuning.measures.threshold import precision_recall, roc
from cutaway.finetuning.metrics import calibration_error, log_loss
from cutaway.finetuning.runs.predictions import Answers


def some(
    seed: int, rows: int = 60, classes: int = 3, *, missing: int | None = None, digits: int = 1
) -> Answers:
    """Random answers, a little better than chance, rounded so that many are tied."""
    random = np.random.default_rng(seed)
    truth = random.integers(classes, size=rows)
    if missing is not None:
        truth = np.where(truth == missing, (missing + 1) % classes, truth)
    odds = random.gamma(1.0, size=(rows, classes)) + np.eye(classes)[truth] * random.random((rows, 1))
    rounded = np.round(odds / odds.sum(1, keepdims=True), digits) + 0.01
    probabilities = (rounded / rounded.sum(1, keepdims=True)).astype(np.float32)
    return Answers(
        rows=np.arange(rows),
        texts=[str(row) for row in range(rows)],
        truth=truth.astype(np.int64),
        tokens=np.ones(rows, dtype=np.int64),
        probabilities=probabilities,
        classes=tuple("abcdefgh"[:classes]),
    )


cases = st.tuples(st.integers(0, 10_000), st.integers(2, 80), st.integers(2, 5))


@given(cases)
@settings(max_examples=40)
def test_scores_by_class_are_scikit_learns(case: tuple[int, int, int]) -> None:
    seed, rows, classes = case
    answers = some(seed, rows, classes)
    answered, numbers = answers.probabilities.argmax(1), list(range(classes))
    counts = metrics.confusion_matrix(answers.truth, answered, labels=numbers)
    told = metrics.precision_recall_fscore_support(answers.truth, answered, labels=numbers, zero_division=0)
    found = class_scores(counts)
    for at, name in enumerate(("precision", "recall", "f1", "support")):
        np.testing.assert_allclose([getattr(each, name) for each in found], told[at], atol=1e-12)
    theirs = metrics.f1_score(answers.truth, answered, average="macro", zero_division=0)
    assert macro_f1(counts) == pytest.approx(theirs)
    assert micro_f1(counts) == pytest.approx(metrics.accuracy_score(answers.truth, answered))
    if len(set(answers.truth) | set(answered)) > 1:  # of a single class scikit-learn warns
        assert matthews(counts) == pytest.approx(metrics.matthews_corrcoef(answers.truth, answered))


@given(st.integers(0, 10_000), st.integers(4, 80))
@settings(max_examples=40)
def test_curves_are_scikit_learns(seed: int, rows: int) -> None:
    answers = some(seed, rows, 2)
    scores, positive = answers.probabilities[:, 1], answers.truth == 1
    if positive.all() or not positive.any():
        return
    ours = roc(scores, positive)
    x, y, thresholds = metrics.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(ours.x, x)
    np.testing.assert_allclose(ours.y, y)
    np.testing.assert_allclose(ours.thresholds[1:], thresholds[1:])
    assert ours.area == pytest.approx(metrics.roc_auc_score(positive, scores))
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    curve = precision_recall(scores, positive)
    np.testing.assert_allclose(curve.x, recall[::-1])
    np.testing.assert_allclose(curve.y, precision[::-1])
    assert curve.area == pytest.approx(metrics.average_precision_score(positive, scores))


def test_curves_need_both_kinds_of_rows() -> None:
    scores = np.array([0.5, 0.25])
    for positive in ([True, True], [False, False]):
        with pytest.raises(DataError, match="a curve needs both"):
            roc(scores, np.array(positive))
    with pytest.raises(DataError, match="no recall"):
        precision_recall(scores, np.array([False, False]))


@pytest.mark.parametrize("seed", range(5))
def test_bins_are_scikit_learns_and_their_error_is_the_metric(seed: int) -> None:
    answers = some(seed, 400, 2, digits=7)
    bins = reliability(answers.probabilities, answers.truth, bins=10)
    confidence = answers.probabilities.max(1).astype(np.float64)
    right = answers.probabilities.argmax(1) == answers.truth
    accuracy, told = calibration.calibration_curve(right, confidence, n_bins=10)
    full = [each for each in bins if each.rows]
    np.testing.assert_allclose([each.accuracy for each in full], accuracy)
    np.testing.assert_allclose([each.confidence for each in full], told)
    assert sum(each.rows for each in bins) == 400
    ours = expected_error(reliability(answers.probabilities, answers.truth))
    assert ours == pytest.approx(calibration_error(answers.probabilities, answers.truth))
    gap = overconfidence(answers.probabilities, answers.truth)
    assert gap == pytest.approx(confidence.mean() - right.mean())


def test_the_percentile_interval_is_scipys_and_repeats_by_its_seed() -> None:
    values = np.random.default_rng(1).random(200) ** 2
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(7)
    )
    chosen = BootstrapSettings(samples=20_000, seed=3)
    ours = mean_interval(values, chosen)
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.001)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.001)
    assert mean_interval(values, chosen) == ours
    general = interval(lambda rows: float(values[rows].mean()), 200, BootstrapSettings(samples=4000))
    assert general.low == pytest.approx(ours.low, abs=0.003)
    narrow = mean_interval(values, BootstrapSettings(level=0.5))
    assert ours.low < narrow.low < narrow.high < ours.high


def test_an_interval_of_a_share_is_the_binomials() -> None:
    right = np.array([True] * 924 + [False] * 76)
    found = mean_interval(right, BootstrapSettings(samples=20_000))
    low, high = stats.binom.ppf([0.025, 0.975], 1000, 0.924) / 1000
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.0015)


def test_impossible_intervals_are_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        mean_interval(np.zeros(0))
    with pytest.raises(DataError, match="no rows"):
        interval(lambda rows: 0.0, 0)
    with pytest.raises(UsageError, match="100 samples"):
        BootstrapSettings(samples=3)


def test_all_measures_together() -> None:
    answers = some(5, 300, 3)
    found = measure_all(answers)
    answered = answers.probabilities.argmax(1)
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(answers.truth, answered))
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert found.log_loss.value == pytest.approx(log_loss(answers.probabilities, answers.truth))
    theirs = metrics.log_loss(answers.truth, answers.probabilities)
    assert found.log_loss.value == pytest.approx(theirs, rel=1e-5)
    assert found.macro_f1.value == pytest.approx(metrics.f1_score(answers.truth, answered, average="macro"))
    ones = np.eye(3)[answers.truth]
    assert found.roc_auc == pytest.approx(metrics.roc_auc_score(ones, answers.probabilities, average="macro"))
    assert found.average_precision == pytest.approx(
        metrics.average_precision_score(ones, answers.probabilities, average="macro")
    )
    told = found.to_json()
    assert told["confusion"] == metrics.confusion_matrix(answers.truth, answered).tolist()
    assert list(told["by_class"]) == ["a", "b", "c"]
    assert row_losses(answers).mean() == pytest.approx(found.log_loss.value)


def test_a_class_that_is_not_held_out_has_no_curve() -> None:
    found = measure_all(some(3, 40, 3, missing=2))
    assert [each.roc is None for each in found.curves] == [False, False, True]
    assert found.by_class[2].support == 0
    assert found.roc_auc is not None


def test_a_cell_leads_to_its_rows_the_most_confident_first() -> None:
    answers = some(2, 100, 3)
    counts = measure_all(answers).confusion
    for truth in range(3):
        for answer in range(3):
            rows = cell_rows(answers, truth, answer)
            assert len(rows) == counts[truth, answer]
            assert (np.diff(answers.probabilities[rows, answer]) <= 0).all()
            assert (answers.truth[rows] == truth).all()
