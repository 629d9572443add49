"""Neighbors: the fast search, the open path and exact fractions give one answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles import cosine as oracle

from cutaway.core.errors import DataError, ShapeError, UnknownNameError, UsageError
from cutaway.embeddings.neighbors import ExactSearch
from cutaway.embeddings.similarity import lengths
from cutaway.embeddings.vectors import Neighbor, WordVectors

WHOLE = st.integers(-3, 3).map(float)
ANY = st.floats(-(2.0**127), 2.0**127, width=32)
TINY = st.floats(-(2.0**-130), 2.0**-130, width=32)


@st.composite
def tables(draw, cells=WHOLE):
    dim, rows = draw(st.integers(1, 5)), draw(st.integers(1, 12))
    row = st.lists(cells, min_size=dim, max_size=dim)
    table = draw(st.lists(row, min_size=rows, max_size=rows))
    # The same row twice, and a zero row: the two things that a ranking gets wrong.
    return [*table, table[0], [0.0] * dim]


def named(table, order="C") -> WordVectors:
    return WordVectors([f"w{row}" for row in range(len(table))], np.array(table, np.float32, order=order))


def rows_of(found: list[Neighbor]) -> list[int]:
    return [int(near.word[1:]) for near in found]


def assert_ranked(found: list[Neighbor], expected: list[tuple[int, float]]) -> None:
    assert rows_of(found) == [row for row, _ in expected]
    found_cosines, cosines = [near.similarity for near in found], [cos for _, cos in expected]
    np.testing.assert_allclose(found_cosines, cosines, rtol=0, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(tables(WHOLE), st.data())
def test_most_similar_equals_exact_fractions(table, data) -> None:
    picks = st.lists(st.integers(0, len(table) - 1), min_size=1, max_size=3)
    positive, negative = data.draw(picks), data.draw(st.one_of(st.just([]), picks))
    vectors = named(table, data.draw(st.sampled_from("CF")))
    signs = [1] * len(positive) + [-1] * len(negative)
    query = oracle.sum_of_units([table[row] for row in positive + negative], signs)
    added, taken = [f"w{row}" for row in positive], [f"w{row}" for row in negative]
    if max(map(abs, query)) < 1e-9:
        with pytest.raises(UsageError, match="adds up to zero"):
            vectors.most_similar(added, taken)
        return
    topn = data.draw(st.integers(1, len(table) + 3))
    expected = oracle.neighbors(table, query, topn, set(positive + negative))
    assert_ranked(vectors.most_similar(added, taken, topn), expected)
    with_them = oracle.neighbors(table, query, topn, set())
    assert_ranked(vectors.most_similar(added, taken, topn, query_words="include"), with_them)


@settings(max_examples=100, deadline=None)
@given(st.one_of(tables(WHOLE), tables(ANY), tables(TINY)), st.data())
def test_fast_path_equals_open_path(table, data) -> None:
    vectors = named(table)
    row, topn = data.draw(st.integers(0, len(table) - 1)), data.draw(st.integers(1, len(table)))
    if not vectors[f"w{row}"].any():
        return
    fast = vectors.most_similar(f"w{row}", topn=topn)
    trace = vectors.trace_most_similar(f"w{row}", topn=topn)
    assert [near.word for near in fast] == trace.table("neighbors").column("word")
    np.testing.assert_allclose(
        [near.similarity for near in fast], trace.table("neighbors").column("cosine"), rtol=0, atol=1e-9
    )


@settings(max_examples=100, deadline=None)
@given(tables(ANY), st.data())
def test_similarity_equals_open_path_and_fractions(table, data) -> None:
    vectors = named(table)
    a, b = (data.draw(st.integers(0, len(table) - 1)) for _ in range(2))
    value = vectors.similarity(f"w{a}", f"w{b}")
    trace = vectors.trace_similarity(f"w{a}", f"w{b}")
    assert value == pytest.approx(oracle.cosine(table[a], table[b]), abs=1e-12)
    assert float(trace["cosine"]) == pytest.approx(value, abs=1e-12)
    assert trace["shares"].sum() == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("count", [1, 5, 40, 2990])
def test_a_table_of_many_blocks_with_many_ties(order, count) -> None:
    rng = np.random.default_rng(count)
    table = rng.integers(-2, 3, size=(3000, 6)).astype(np.float32, order=order)
    vectors = WordVectors([f"w{row}" for row in range(3000)], table)
    scores = [oracle.cosine(row, table[7].tolist()) for row in table.tolist()]
    expected = sorted(range(3000), key=lambda row: (-round(scores[row], 12), row))
    assert rows_of(vectors.nearest(table[7], count)) == expected[:count]


def test_rows_closer_than_float32_can_tell_come_in_true_order() -> None:
    """Rough float32 scores of these rows are rounding noise; only the float64 pass can order them."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=50)
    steps = np.arange(4000) * 1e-9
    orthogonal = rng.normal(size=50)
    orthogonal -= orthogonal @ base / (base @ base) * base
    query = base.astype(np.float32).astype(np.float64)
    table = (base + np.sqrt(steps)[:, None] * orthogonal).astype(np.float32)
    found = named(table).nearest(query, 20)
    wide = table.astype(np.float64)
    scores = (wide * query).sum(axis=1) / np.sqrt((wide**2).sum(axis=1) * (query**2).sum())
    expected = sorted(range(4000), key=lambda row: (-round(scores[row], 12), row))[:20]
    assert rows_of(found) == expected


def test_excluding_nearly_every_row_leaves_the_rest() -> None:
    table = np.eye(300, dtype=np.float32)
    search = ExactSearch(table, lengths(table))
    query = np.ones(300) / np.sqrt(300)
    rows, cosines = search.nearest(query, 5, np.arange(1, 300))
    assert rows.tolist() == [0]
    np.testing.assert_allclose(cosines, 300**-0.5)
    assert search.nearest(query, 5, np.arange(300))[0].size == 0


def test_zero_vectors_score_zero_and_have_no_neighbors() -> None:
    vectors = WordVectors(["a", "none", "b"], [[1, 0], [0, 0], [-1, 0]])
    assert vectors.most_similar("a") == [("none", 0.0), ("b", -1.0)]
    assert vectors.similarity("none", "none") == 0.0
    with pytest.raises(UsageError, match="none adds up to zero"):
        vectors.most_similar("none")
    with pytest.raises(UsageError, match="a − a adds up to zero"):
        vectors.trace_most_similar("a", "a")


def test_analogy_is_a_minus_b_plus_c() -> None:
    vectors = WordVectors(["king", "man", "woman", "queen", "x"], np.eye(5)[[0, 1, 2, 3, 4]] + 0.0)
    table = vectors.vectors.copy()
    table[3] = table[0] - table[1] + table[2]
    vectors = WordVectors(vectors.words, table)
    assert vectors.analogy("king", "man", "woman", 1)[0].word == "queen"
    assert vectors.analogy("king", "man", "woman") == vectors.most_similar(["king", "woman"], ["man"])


@pytest.mark.parametrize("topn", [0, -1, 2.5, None])
def test_a_count_below_one_is_refused(topn) -> None:
    vectors = named([[1.0], [2.0]])
    for ask in (vectors.most_similar, vectors.trace_most_similar):
        with pytest.raises(UsageError, match="topn is"):
            ask("w0", topn=topn)
    with pytest.raises(UsageError, match="topn is"):
        vectors.nearest([1.0], topn)


def test_queries_that_make_no_sense_are_refused() -> None:
    vectors = named([[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(UsageError, match="no words"):
        vectors.most_similar()
    with pytest.raises(UnknownNameError, match="did you mean 'w0'"):
        vectors.most_similar("W00")
    with pytest.raises(ShapeError, match="2 dimensions"):
        vectors.nearest([1.0, 2.0, 3.0])
    with pytest.raises(ShapeError, match="not an array of numbers"):
        vectors.nearest(["a", "b"])
    with pytest.raises(DataError, match="NaN or infinity"):
        vectors.nearest([1.0, float("nan")])
    with pytest.raises(DataError, match="is zero"):
        vectors.nearest([0.0, 0.0])


def test_rows_at_the_edge_of_float32_are_ranked() -> None:
    big = 2.0**127
    vectors = named([[big] * 5, [big, big, big, big, 0], [-big] * 5, [big, 0, 0, 0, 0]])
    found = vectors.most_similar("w0")
    assert rows_of(found) == [1, 3, 2]
    np.testing.assert_allclose([near.similarity for near in found], [0.8**0.5, 0.2**0.5, -1], atol=1e-12)


def test_no_cosine_is_beyond_one() -> None:
    table = np.random.default_rng(0).normal(size=(200, 3))
    vectors = named(np.concatenate([table, table, -table]))
    for row in range(200):
        near = vectors.most_similar(f"w{row}", topn=600)
        assert max(n.similarity for n in near) <= 1
        assert min(n.similarity for n in near) >= -1
        assert vectors.similarity(f"w{row}", f"w{row}") <= 1


def test_a_huge_query_does_not_overflow() -> None:
    vectors = named([[1.0, 1.0], [1.0, -1.0]])
    assert vectors.nearest([1e300, 1e300], 1) == [("w0", pytest.approx(1.0))]
