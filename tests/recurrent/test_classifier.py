"""The classifier: its open path equals its fast one, for every pooling; bad input is refused."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.recurrent.classifier import ClassifierSettings, SequenceClassifier
from cutaway.recurrent.pooling import Pool, Pooling
from cutaway.recurrent.reading import UNKNOWN, Ids, ReadingSettings, rows_of
from cutaway.recurrent.recurrence import Directions

Table = NDArray[np.float32]

poolings = st.sampled_from(get_args(Pooling))
ways = st.sampled_from(get_args(Directions))
id_rows = st.lists(st.lists(st.integers(UNKNOWN, 8), min_size=1, max_size=9), min_size=1, max_size=5)


def small_table() -> Table:
    return np.random.default_rng(7).normal(size=(9, 4)).astype(np.float32)


def classifier(pooling: Pooling = "max", directions: Directions = "forward") -> SequenceClassifier:
    torch.manual_seed(1)
    chosen = ClassifierSettings(
        labels=("a", "b", "c"), hidden=5, layers=2, directions=directions, pooling=pooling, dropout=0.5
    )
    model = SequenceClassifier(chosen, small_table()).eval()
    with torch.no_grad():
        model.head.weight.mul_(5)  # answers that differ visibly
    return model


def ids(*values: int) -> Ids:
    return np.array(values, dtype=np.int64)


@settings(max_examples=40, deadline=None)
@given(poolings, ways, id_rows)
def test_the_trace_equals_the_fast_path(pooling: Pooling, way: Directions, rows: list[list[int]]) -> None:
    model = classifier(pooling, way)
    arrays = [ids(*row) for row in rows]
    fast = model.predict(arrays)
    for row, p in zip(arrays, fast, strict=True):
        trace = model.trace(row)
        np.testing.assert_allclose(trace["probabilities"], p, atol=1e-6)
        assert trace.facts["label"] == "abc"[int(p.argmax())]
        assert trace.facts["probability"] == pytest.approx(p.max(), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(poolings, ways, st.lists(st.integers(UNKNOWN, 8), min_size=1, max_size=9))
def test_the_running_answer_is_the_answer_to_the_prefix(
    pooling: Pooling, way: Directions, row: list[int]
) -> None:
    model = classifier(pooling, way)
    prefixes = [ids(*row[: end + 1]) for end in range(len(row))]
    np.testing.assert_allclose(model.trace(ids(*row))["running"], model.predict(prefixes), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(poolings, st.lists(st.integers(1, 6), min_size=1, max_size=5), st.sampled_from([2, 4]))
def test_pooling_a_batch_equals_pooling_each(how: Pooling, lengths: list[int], forward_size: int) -> None:
    torch.manual_seed(0)
    states = torch.randn(len(lengths), max(lengths), 4) - 3  # below zero: padding must not win
    for row, length in zip(states, lengths, strict=True):
        row[length:] = 0
    pool = Pool(how, 4, forward_size)
    pooled = pool(states, torch.tensor(lengths))
    for at, length in enumerate(lengths):
        torch.testing.assert_close(pooled[at], pool.one(states[at, :length]))


def test_the_trace_by_hand() -> None:
    model = classifier("mean")
    trace = model.trace(ids(1, 2, 3), ["One", "two", "three"])
    weight, bias = model.head.weight.detach().numpy(), model.head.bias.detach().numpy()
    pooled = trace["outputs"].mean(axis=0)
    scores = np.exp(weight @ pooled + bias)
    np.testing.assert_allclose(trace["pooled"], pooled, atol=1e-6)
    np.testing.assert_allclose(trace["probabilities"], scores / scores.sum(), atol=1e-6)
    assert trace.labels["position"] == ("One", "two", "three")
    assert trace.labels["class"] == ("a", "b", "c")
    np.testing.assert_array_equal(trace["inputs"], small_table()[1:4])


def test_attention_weighs_the_states_as_the_paper_says() -> None:
    model = classifier("attention", "both")
    trace = model.trace(ids(1, 2, 3, 4))
    show, weigh = model.pool.show, model.pool.weigh.detach().numpy()
    weight, bias = show.weight.detach().numpy(), show.bias.detach().numpy()
    scores = np.array([weigh @ np.tanh(weight @ state + bias) for state in trace["outputs"]])
    weights = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(trace["pooling_weights"], weights, atol=1e-6)
    np.testing.assert_allclose(trace["pooled"], weights @ trace["outputs"], atol=1e-6)
    assert np.ptp(weights) > 0.001


def test_an_unknown_word_is_read_as_zeros() -> None:
    model = classifier()
    assert not model.vectors(ids(UNKNOWN)).any()
    zeros = SequenceClassifier(model.settings, np.zeros((9, 4), dtype=np.float32)).eval()
    zeros.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(model.predict([ids(UNKNOWN, UNKNOWN)]), zeros.predict([ids(0, 5)]))


def test_the_table_is_neither_trained_nor_saved(table: Table, tmp_path: Path) -> None:
    np.save(tmp_path / "table.npy", table)
    mapped = np.load(tmp_path / "table.npy", mmap_mode="r")
    model = SequenceClassifier(ClassifierSettings(labels=("a", "b"), hidden=3), mapped)
    model([ids(1, 2), ids(3)]).sum().backward()  # type: ignore[no-untyped-call]
    assert {name.split(".")[0] for name in model.state_dict()} == {"lstm", "head"}
    np.testing.assert_array_equal(mapped, table)


def test_dropout_and_word_dropout_act_in_training_alone(table: Table) -> None:
    row = [ids(*range(9))]
    chosen = ClassifierSettings(labels=("a", "b"), hidden=30, word_dropout=0.5)
    words = SequenceClassifier(chosen, table)
    states = SequenceClassifier(ClassifierSettings(labels=("a", "b"), hidden=30, dropout=0.5), table)
    for model in (words, states):
        first, second = model.train()(row), model(row)
        assert not torch.equal(first, second)
        assert torch.equal(model.eval()(row), model(row))
        assert np.array_equal(model.train().predict(row), model.predict(row))
        assert model.training


def test_predictions_keep_the_order_of_the_rows_over_many_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutaway.recurrent.classifier.PREDICT_WORDS", 7)
    model = classifier()
    random = np.random.default_rng(0)
    rows = [random.integers(0, 9, size=size) for size in random.integers(1, 6, size=20)]
    alone = np.concatenate([model.predict([row]) for row in rows])
    np.testing.assert_allclose(model.predict(rows), alone, atol=1e-6)
    assert np.ptp(alone[:, 0]) > 0.05


@pytest.mark.parametrize("wrong", [9, 10**12, -2])
def test_ids_outside_the_table_are_refused(wrong: int) -> None:
    model = classifier()
    for read in (lambda: model.predict([ids(1), ids(2, wrong)]), lambda: model.trace(ids(wrong))):
        with pytest.raises(ShapeError, match=rf"1 ids are outside the table of 9 rows: \[{wrong}\]"):
            read()


def test_nothing_to_read_is_refused() -> None:
    model = classifier()
    with pytest.raises(ShapeError, match="sequence 1 of 2 has length 0"):
        model([ids(1), ids()])
    with pytest.raises(ShapeError, match="at least one sequence"):
        model([])
    with pytest.raises(ShapeError, match=r"shape \(0,\)"):
        model.trace(ids())
    with pytest.raises(ShapeError, match="2 ids but 1 words"):
        model.trace(ids(1, 2), ["one"])
    with pytest.raises(DataError, match="text 2 of 2 holds no word"):
        rows_of([["a"], []], {"a": 0}.get, ReadingSettings())


def test_a_vector_with_nan_is_refused(table: Table) -> None:
    broken = table.copy()
    broken[4, 2] = np.nan
    model = SequenceClassifier(ClassifierSettings(labels=("a", "b"), hidden=3), broken)
    model.predict([ids(1, 2)])
    for read in (lambda: model.predict([ids(1, 4)]), lambda: model.trace(ids(1, 4))):
        with pytest.raises(DataError, match="nan"):
            read()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"labels": ("a",)}, "two or more"),
        ({"labels": ("a", "a")}, "distinct"),
        ({"pooling": "sum"}, "sum"),
        ({"dropout": 1.0}, r"1\.0"),
        ({"word_dropout": -0.1}, r"-0\.1"),
        ({"hidden": 0}, "0 hidden"),
    ],
)
def test_settings_out_of_range_are_refused(table: Table, fields: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        SequenceClassifier(ClassifierSettings(**{"labels": ("a", "b"), **fields}), table)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(9,), (0, 4), (9, 0)])
def test_a_table_that_is_no_matrix_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="expected"):
        SequenceClassifier(ClassifierSettings(labels=("a", "b")), np.zeros(shape, dtype=np.float32))
