"""The table itself: look-ups, what it refuses, and the figures of GloVe."""

from __future__ import annotations

import numpy as np
import pytest
from tests.oracles import cosine as oracle

from cutaway.core.errors import DataError, FormatError, ShapeError, UnknownNameError
from cutaway.embeddings.vectors import WordVectors


def test_look_ups() -> None:
    vectors = WordVectors(["a", "b"], [[1, 2, 3], [4, 5, 6]])
    assert (len(vectors), vectors.dim, list(vectors)) == (2, 3, ["a", "b"])
    assert "a" in vectors
    assert "c" not in vectors
    assert 1 not in vectors
    assert vectors["b"].dtype == np.float32
    assert vectors["b"].tolist() == [4, 5, 6]
    assert repr(vectors) == "WordVectors(2 words × 3 dimensions)"
    with pytest.raises(UnknownNameError, match="no vector for 'c' among 2 words"):
        vectors["c"]


def test_nobody_can_change_a_table() -> None:
    given = np.ones((2, 2), dtype=np.float32)
    vectors = WordVectors(["a", "b"], given)
    given[0, 0] = 7
    assert vectors["a"][0] == 1
    with pytest.raises(ValueError, match="read-only"):
        vectors["a"][0] = 7


def test_read_only_float32_is_not_copied() -> None:
    given = np.ones((2, 2), dtype=np.float32)
    given.flags.writeable = False
    assert np.shares_memory(WordVectors(["a", "b"], given).vectors, given)


@pytest.mark.parametrize(
    ("words", "table", "error", "match"),
    [
        (["a"], [[1.0], [2.0]], ShapeError, "1 words, vectors of shape"),
        (["a", "b"], [1.0, 2.0], ShapeError, r"shape \(2,\)"),
        ([], np.empty((0, 3)), ShapeError, "0 words"),
        (["a"], np.empty((1, 0)), ShapeError, r"shape \(1, 0\)"),
        (["a", "b"], [[1.0], [2.0, 3.0]], ShapeError, "not an array of numbers"),
        (["a", "b", "a"], [[1.0], [2.0], [3.0]], DataError, "'a': rows 0 and 2"),
        (["a", "b"], [[1.0], [float("nan")]], DataError, "row 1"),
        (["a", "b"], [[1e39], [0.0]], DataError, "row 0"),
    ],
)
def test_what_is_no_table_is_refused(words, table, error, match) -> None:
    with pytest.raises(error, match=match):
        WordVectors(words, table)


def test_nan_in_a_mapped_table_is_found_on_use() -> None:
    table = np.array([[1, 0], [np.nan, 0], [0, 1]], dtype=np.float32)
    table.flags.writeable = False
    vectors = WordVectors(["a", "bad", "b"], table)
    assert vectors.similarity("a", "b") == 0
    with pytest.raises(FormatError, match="'bad' holds NaN"):
        vectors.similarity("a", "bad")
    with pytest.raises(FormatError, match="row 1, 'bad'"):
        vectors.most_similar("a")
    with pytest.raises(FormatError, match="row 1, 'bad'"):
        vectors.trace_most_similar("a")


def test_glove_king_and_queen(glove) -> None:
    assert (len(glove), glove.dim, glove.words[:3]) == (400_000, 50, ("the", ",", "."))
    assert round(glove.similarity("king", "queen"), 4) == 0.7839
    assert glove.similarity("king", "queen") == pytest.approx(
        oracle.cosine(glove["king"].tolist(), glove["queen"].tolist()), abs=1e-15
    )
    assert float(glove.trace_similarity("king", "queen")["cosine"]) == pytest.approx(
        glove.similarity("king", "queen"), abs=1e-15
    )


def test_glove_is_mapped_not_copied(glove) -> None:
    base = glove.vectors
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert type(base).__name__ == "mmap"


@pytest.mark.parametrize(
    ("positive", "negative"),
    [(["king"], []), (["king", "woman"], ["man"]), (["paris", "germany"], ["france"]), (["unk"], ["the"])],
)
def test_glove_neighbors_equal_a_plain_product(glove, positive, negative) -> None:
    wide = glove.vectors.astype(np.float64, order="C")
    units = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    rows = [glove.words.find(word) for word in positive + negative]
    query = units[rows].T @ ([1.0] * len(positive) + [-1.0] * len(negative))
    scores = units @ (query / np.linalg.norm(query))
    scores[rows] = -2
    best = np.argsort(-scores)[:25]
    found = glove.most_similar(positive, negative, 25)
    assert [near.word for near in found] == [glove.words[int(row)] for row in best]
    np.testing.assert_allclose([near.similarity for near in found], scores[best], rtol=0, atol=1e-12)


def test_glove_analogy_with_and_without_the_words_asked_for(glove) -> None:
    trace = glove.trace_most_similar(["king", "woman"], ["man"], topn=3)
    assert trace.table("all").column("word")[:2] == ["king", "queen"]
    assert trace.table("all").column("asked for")[:2] == [True, False]
    assert trace.table("neighbors").column("word") == ["queen", "throne", "prince"]
    units = trace["vectors"] / np.linalg.norm(trace["vectors"], axis=1, keepdims=True)
    total = (units[0] + units[1] - units[2]) / 3
    np.testing.assert_allclose(trace["sum"], total, atol=1e-15)
    np.testing.assert_allclose(trace["query"], total / np.linalg.norm(total), atol=1e-15)
    assert trace.labels["word"] == ("king", "woman", "man")
    assert trace.step("query").source.file == "cutaway/embeddings/analogy.py"
