"""The compiled searches: bytes with a bound, blocks of scores; always the answer of float64."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.embeddings import byte_search, lane_search, neighbors
from cutaway.embeddings.byte_search import ByteTable
from cutaway.embeddings.neighbors import ExactSearch
from cutaway.embeddings.similarity import lengths
from cutaway.embeddings.vectors import WordVectors


@pytest.fixture(autouse=True)
def compiled_from_the_first_query_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "SMALL_TABLE", 0)
    monkeypatch.setattr(neighbors, "PLAIN_QUERIES", 0)
    monkeypatch.setattr(neighbors, "MANY_QUERIES", 5)
    monkeypatch.setattr(lane_search, "QUERIES_AT_A_TIME", 5)
    monkeypatch.setattr(byte_search, "ROWS_OF_PART", 128)


def table_of(seed: int, rows: int, dim: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(rows, dim)).astype(np.float32)
    table[rng.integers(0, rows, rows // 5)] = table[rng.integers(0, rows, rows // 5)]  # ties
    table[rng.integers(0, rows, rows // 20 + 1)] = 0
    table *= 10.0 ** rng.integers(-6, 7, (rows, 1)).astype(np.float32)
    table.flags.writeable = False  # as a mapped file is
    return table


def brute(table: np.ndarray, query: np.ndarray, count: int, excluded: Any = ()) -> tuple[list[int], list]:
    wide = table.astype(np.float64)
    size = np.sqrt((wide**2).sum(axis=1))
    scores = np.divide((wide * query).sum(axis=1), size, out=np.zeros(len(wide)), where=size > 0)
    scores = np.clip(scores, -1, 1)
    order = [row for row in np.argsort(-np.round(scores, 12), kind="stable") if row not in excluded][:count]
    return order, scores[order]


@given(st.integers(0, 10**6), st.integers(1, 700), st.integers(1, 130), st.integers(1, 12), st.booleans())
def test_both_searches_equal_float64(seed: int, rows: int, dim: int, count: int, by_column: bool) -> None:
    table = np.asarray(table_of(seed, rows, dim), order="F" if by_column else "C")
    rng = np.random.default_rng(seed + 1)
    queries = rng.normal(size=(7, dim))
    queries[:2] += 1e3 * table[0] / max(1e-30, np.abs(table[0]).max())
    queries /= np.sqrt((queries**2).sum(axis=1, keepdims=True))
    excluded = [rng.integers(0, rows, 3) for _ in queries]
    search = ExactSearch(table, lengths(table))
    batch = list(search.nearest_batch(queries, count, excluded))
    for query, left_out, (found, cosines) in zip(queries, excluded, batch, strict=True):
        expected, scores = brute(table, query, count, set(left_out.tolist()))
        one, one_cosines = search.nearest(query, count, left_out)
        assert found.tolist() == one.tolist() == expected
        np.testing.assert_allclose(cosines, scores, atol=1e-12)
        np.testing.assert_allclose(one_cosines, scores, atol=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_the_bound_of_the_bytes_holds_in_exact_arithmetic(seed: int, dim: int) -> None:
    table = table_of(seed, 20, dim)
    size = lengths(table)
    as_bytes = ByteTable(table, size)
    for row in np.flatnonzero(size > 0):
        scale, codes = (
            Fraction(float(as_bytes._scales[row])),
            as_bytes._codes[0, :, row].reshape(-1)[:dim].tolist(),
        )
        units = [Fraction(float(x)) / Fraction(float(size[row])) for x in table[row]]
        rest = sum((u - scale * c) ** 2 for u, c in zip(units, codes, strict=True))
        assert rest <= Fraction(float(as_bytes._slacks[row])) ** 2
    assert float(as_bytes._slacks.max()) < 0.05 * dim**0.5


def test_more_candidates_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_search, "ROOM", 8)
    table = np.ones((500, 3), dtype=np.float32)
    table[250:, 0] = np.linspace(1, 2, 250)
    search = ExactSearch(table, lengths(table))
    queries = np.full((5, 3), 3**-0.5)
    for found, _ in search.nearest_batch(queries, 4):
        assert found.tolist() == [0, 1, 2, 3]


def test_glove_by_every_path(glove: WordVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byte_search, "ROWS_OF_PART", 1 << 16)
    rows = [5, 77, 1234, 30_000, 399_999]
    queries = np.stack([glove.vectors[row] for row in rows] * 6)
    fresh = WordVectors(glove.words, glove.vectors)
    batch = fresh.nearest_batch(queries)
    single = [fresh.nearest(query) for query in queries[:5]]
    monkeypatch.setattr(neighbors, "PLAIN_QUERIES", 10**9)
    plain = [WordVectors(glove.words, glove.vectors).nearest(query) for query in queries[:5]]
    assert single == plain == batch[:5]
    assert batch[5:10] == plain
