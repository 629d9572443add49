"""Questions beyond one word's neighbors: batches, matrices, products, the odd one out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import cosine as oracle

from cutaway.core.errors import DataError, ShapeError, UnknownNameError, UsageError
from cutaway.embeddings.neighbors import ExactSearch, highest
from cutaway.embeddings.similarity import lengths, unit_rows
from cutaway.embeddings.vectors import WordVectors


def named(table) -> WordVectors:
    return WordVectors([f"w{row}" for row in range(len(table))], table)


def random_table(seed: int, rows: int = 300, dim: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(-3, 4, size=(rows, dim)).astype(np.float32)


@pytest.mark.parametrize("queries", [1, 31, 32, 33, 70])
def test_a_batch_equals_one_query_after_the_other(queries) -> None:
    vectors = named(random_table(queries))
    asked = np.random.default_rng(1).normal(size=(queries, 5))
    assert vectors.nearest_batch(asked, 7) == [vectors.nearest(query, 7) for query in asked]


def test_a_batch_leaves_out_what_each_query_excludes() -> None:
    table = random_table(5, rows=90)
    search = ExactSearch(table, lengths(table))
    asked = unit_rows(np.random.default_rng(2).normal(size=(40, 5)))
    excluded = [np.array([at, at + 1]) for at in range(40)]
    for at, (rows, cosines) in enumerate(search.nearest_batch(asked, 6, excluded)):
        one_by_one = search.nearest(asked[at], 6, excluded[at])
        assert rows.tolist() == one_by_one[0].tolist()
        assert cosines.tolist() == one_by_one[1].tolist()
        assert not set(rows) & {at, at + 1}


def test_a_batch_over_extreme_lengths() -> None:
    table = np.array([[2.0**127] * 3, [2.0**-140, 0, 0], [0, 0, 0], [1, -1, 0]], dtype=np.float32)
    vectors = named(table)
    asked = table[[0, 1, 3]]
    assert vectors.nearest_batch(asked, 4) == [vectors.nearest(query, 4) for query in asked]
    assert [found[0].word for found in vectors.nearest_batch(asked, 1)] == ["w0", "w1", "w3"]


def test_batches_that_make_no_sense_are_refused() -> None:
    vectors = named([[1.0, 0.0], [0.0, 1.0]])
    assert vectors.nearest_batch(np.empty((0, 2))) == []
    with pytest.raises(ShapeError, match=r"expected \(queries, 2\)"):
        vectors.nearest_batch([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"expected \(queries, 2\)"):
        vectors.nearest_batch([[1.0], [2.0]])
    with pytest.raises(DataError, match="is zero"):
        vectors.nearest_batch([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(DataError, match="NaN"):
        vectors.nearest_batch([[1.0, 0.0], [0.0, float("inf")]])
    with pytest.raises(UsageError, match="topn is 0"):
        vectors.nearest_batch([[1.0, 0.0]], 0)


def test_similarities_equal_similarity() -> None:
    table = random_table(2, rows=8)
    table[3] = 0
    vectors = named(table)
    words, others = ["w0", "w3", "w5"], ["w7", "w3", "w0", "w0"]
    matrix = vectors.similarities(words, others)
    assert matrix.shape == (3, 4)
    for (i, a), (j, b) in itertools.product(enumerate(words), enumerate(others)):
        expected = oracle.cosine(table[int(a[1])].tolist(), table[int(b[1])].tolist())
        assert matrix[i, j] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_array_equal(vectors.similarities(words), vectors.similarities(words, words))
    with pytest.raises(UnknownNameError, match="'x'"):
        vectors.similarities(["w0", "x"])


def test_the_odd_one_out(glove) -> None:
    assert glove.doesnt_match(["breakfast", "cereal", "dinner", "lunch"]) == "cereal"
    assert glove.doesnt_match(["paris", "london", "king", "berlin"]) == "king"
    vectors = named([[1, 0], [0, 1], [0, 1], [1, 0]])
    assert vectors.doesnt_match(["w1", "w0", "w2"]) == "w0"
    assert vectors.doesnt_match(["w3", "w1", "w0", "w2"]) == "w3"  # all equally far: the first
    for words in (["w0", "w1"], "w0w1", []):
        with pytest.raises(UsageError, match="at least three"):
            vectors.doesnt_match(words)


def by_product(table: list[list[float]], positive: list[int], negative: list[int]) -> list[float]:
    def shifted(a: int, b: int) -> float:
        return (1 + oracle.cosine(table[a], table[b])) / 2

    return [
        math.prod(shifted(row, word) for word in positive)
        / (math.prod(shifted(row, word) for word in negative) + 0.001 if negative else 1.0)
        for row in range(len(table))
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([([0, 2], [1]), ([0], []), ([3, 3], [4, 5]), ([], [1])]))
def test_products_of_similarities(seed, words) -> None:
    table = random_table(seed, rows=12, dim=3)
    positive, negative = words
    added, taken = [f"w{row}" for row in positive], [f"w{row}" for row in negative]
    scores = by_product(table.tolist(), positive, negative)
    order = sorted(range(12), key=lambda row: (-round(scores[row], 9), row))
    for mode, rows in {
        "include": order,
        "exclude": [row for row in order if row not in positive + negative],
    }.items():
        found = named(table).most_similar(added, taken, 20, combine="product", query_words=mode)
        assert [near.word for near in found] == [f"w{row}" for row in rows]
        np.testing.assert_allclose(
            [near.similarity for near in found], [scores[row] for row in rows], rtol=1e-9, atol=1e-12
        )


def test_glove_analogy_by_products(glove) -> None:
    assert glove.analogy("king", "man", "woman", 3, combine="product")[0].word == "queen"
    assert glove.analogy("paris", "france", "germany", 1, combine="product")[0].word == "berlin"


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=300), st.integers(1, 310))
def test_highest_equals_a_sort(values, count) -> None:
    scores = np.array(values, dtype=np.float64)
    scores[scores == -4] = -np.inf
    expected = [row for row in np.argsort(-scores, kind="stable") if scores[row] > -np.inf][:count]
    assert highest(scores, count).tolist() == expected


def test_gensim_agrees(glove) -> None:
    gensim = pytest.importorskip("gensim.models.keyedvectors", reason="needs gensim")
    ours = WordVectors(glove.words[:5000], glove.vectors[:5000])
    theirs = gensim.KeyedVectors(ours.dim)
    theirs.add_vectors(list(ours), ours.vectors)
    words = ["king", "paris", "three", "red", "he"]
    for a, b, c in itertools.permutations(words, 3):
        found = [near.word for near in ours.most_similar([a, c], [b], 5)]
        assert found == [word for word, _ in theirs.most_similar([a, c], [b], 5)]
        assert ours.doesnt_match([a, b, c, "blue"]) == theirs.doesnt_match([a, b, c, "blue"])
    np.testing.assert_allclose(ours.similarities(words)[0], 1 - theirs.distances("king", words), atol=1e-6)
