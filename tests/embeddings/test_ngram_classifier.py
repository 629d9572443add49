"""The bag of n-grams: the fast path equals the open one, files round-trip, bad input is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import DataError, FormatError, MissingFileError, ShapeError, UsageError
from cutaway.embeddings.ngram_classifier import BagOfNgrams, NgramClassifier
from cutaway.embeddings.ngrams import bucket_texts, ngrams_of

TEXTS = ["so very good", "good indeed", "so very bad", "bad, not good"] * 5
LABELS = ["yes", "yes", "no", "no"] * 5
SMALL = BagOfNgrams(bits=12, rate=1.0, epochs=60)


@pytest.fixture(scope="module")
def model() -> NgramClassifier:
    return SMALL.fit(TEXTS, LABELS)


@settings(max_examples=150)
@given(text=st.text(max_size=60) | st.text("ab '9.é\u00a0", max_size=40), order=st.integers(1, 4))
def test_buckets_equal_the_open_path(text: str, order: int) -> None:
    fast = bucket_texts(["so good", text, ""], order, 21, threads=2)
    own = fast.buckets[fast.starts[1] : fast.starts[2]].tolist()
    assert own == sorted({bucket for _, bucket in ngrams_of(text, order, 21)})
    assert fast.starts[3] == fast.starts[2] == len(fast.buckets)


@settings(max_examples=50)
@given(
    words=st.lists(
        st.sampled_from(["so", "very", "good", "bad", "not", "indeed", "unheard"]), min_size=1, max_size=9
    )
)
def test_a_prediction_equals_its_trace(model: NgramClassifier, words: list[str]) -> None:
    trace = model.trace(" ".join(words))
    np.testing.assert_allclose(model.probabilities([" ".join(words)])[0], trace["probabilities"], atol=1e-5)
    np.testing.assert_allclose(trace["shares"].sum(axis=0), trace["scores"], atol=1e-9)


def test_one_pass_equals_the_formula() -> None:
    """Softmax regression on the mean, by NumPy in float64: dL/dW = (p - y) h, dL/dv = Wᵀ(p - y) / n."""
    plain = BagOfNgrams(bits=12, dim=4, epochs=1, rate=0.5, keep=1.0, seed=3)
    got = plain.fit(TEXTS, LABELS)
    random = np.random.default_rng(3)
    weights = (random.standard_normal((2, 4)) / 2).astype(np.float32).astype(np.float64)
    table = np.zeros((1 << 12, 4))
    for turn, at in enumerate(random.permutation(len(TEXTS))):
        rows = sorted({bucket for _, bucket in ngrams_of(TEXTS[at], 2, 12)})
        mean = table[rows].mean(axis=0)
        powers = np.exp(weights @ mean)
        error = powers / powers.sum() - np.eye(2)[["no", "yes"].index(LABELS[at])]
        rate = 0.5 * (1 - turn / len(TEXTS))
        pull = rate * weights.T @ error / len(rows)
        weights -= rate * np.outer(error, mean)
        table[rows] -= pull
    np.testing.assert_allclose(got.table, table, atol=1e-5)
    np.testing.assert_allclose(got.output, weights, atol=1e-5)


def test_one_thread_repeats_and_learns(model: NgramClassifier) -> None:
    assert model.predict(TEXTS) == LABELS
    assert np.array_equal(model.table, SMALL.fit(TEXTS, LABELS).table)
    assert model.probabilities(["", "unheard"]).tolist() == [[0.5, 0.5]] * 2


def test_a_file_round_trips(model: NgramClassifier, tmp_path) -> None:
    model.save(tmp_path / "m.safetensors")
    again = NgramClassifier.load(tmp_path / "m.safetensors")
    assert (again.settings, again.labels) == (model.settings, model.labels)
    assert np.array_equal(again.probabilities(TEXTS), model.probabilities(TEXTS))
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((tmp_path / "m.safetensors").read_bytes()[:-9])
    with pytest.raises(FormatError, match="no bag of n-grams"):
        NgramClassifier.load(cut)
    with pytest.raises(MissingFileError):
        NgramClassifier.load(tmp_path / "absent")


def test_bad_input_is_refused(model: NgramClassifier) -> None:
    with pytest.raises(ShapeError, match="2 texts but 1"):
        SMALL.fit(["a", "b"], ["x"])
    with pytest.raises(DataError, match="at least two"):
        SMALL.fit([], [])
    with pytest.raises(DataError, match="labels are strings"):
        SMALL.fit(["a", "b"], [0, 1])  # type: ignore[list-item]
    with pytest.raises(DataError, match="one string"):
        model.predict("a text")
    with pytest.raises(DataError, match="text 1 is of type int"):
        model.predict(["a", 1])  # type: ignore[list-item]
    with pytest.raises(DataError, match="no words"):
        model.trace("...")
    with pytest.raises(UsageError, match="order is 0"):
        BagOfNgrams(order=0)
    with pytest.raises(UsageError, match="keep nan"):
        BagOfNgrams(keep=float("nan"))
