"""Neighbors by a graph: nearly always those of the exact search, their cosines always."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from cutaway.core.errors import ChecksumError, FormatError, ResourceError, UsageError
from cutaway.embeddings.approximate import IndexSettings
from cutaway.embeddings.vectors import WordVectors

ONE_THREAD = IndexSettings(threads=1)


@pytest.fixture(scope="module")
def exact() -> WordVectors:
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(40, 20))
    table = (middles[rng.integers(0, 40, 3000)] + 0.7 * rng.normal(size=(3000, 20))).astype(np.float32)
    table[5] = 0
    table[17] = table[16]
    table *= 10.0 ** rng.integers(-20, 21, (3000, 1)).astype(np.float32)
    return WordVectors([f"w{row}" for row in range(3000)], table)


@pytest.fixture(scope="module")
def fast(exact: WordVectors) -> WordVectors:
    pytest.importorskip("usearch", reason="needs usearch")
    return exact.approximate(ONE_THREAD)


def test_nearly_every_neighbor_is_found_and_its_cosine_is_exact(
    exact: WordVectors, fast: WordVectors
) -> None:
    found = missed = 0
    for row in range(10, 110):
        truly = exact.most_similar(f"w{row}")
        near = fast.most_similar(f"w{row}")
        assert len(near) == 10
        assert [n.similarity for n in near] == sorted((n.similarity for n in near), reverse=True)
        for neighbor in near:
            assert neighbor.similarity == pytest.approx(exact.similarity(f"w{row}", neighbor.word), abs=1e-12)
        assert f"w{row}" not in {n.word for n in near}
        missed += len({n.word for n in truly} - {n.word for n in near})
        found += 10
    assert missed / found < 0.02


def test_batches_sums_and_equal_rows(exact: WordVectors, fast: WordVectors) -> None:
    queries = exact.vectors[100:140]
    assert fast.nearest_batch(queries, 5) == [fast.nearest(query, 5) for query in queries]
    assert fast.nearest_batch(np.empty((0, 20))) == []
    assert fast.most_similar("w16", topn=1)[0].word == "w17"
    assert [n.word for n in fast.nearest(exact["w16"], 2)] == ["w16", "w17"]
    near, truly = (table.most_similar(["w20", "w30"], ["w40"], 3) for table in (fast, exact))
    assert [n.word for n in near] == [n.word for n in truly]
    assert [n.similarity for n in near] == pytest.approx([n.similarity for n in truly], abs=1e-12)
    product = {"combine": "product"}
    assert fast.most_similar("w20", "w30", 3, **product) == exact.most_similar("w20", "w30", 3, **product)


def test_more_than_there_is(fast: WordVectors) -> None:
    small = WordVectors(["a", "b", "zero"], [[1, 0], [0, 1], [0, 0]]).approximate(ONE_THREAD)
    assert small.most_similar("a", topn=9) == [("b", 0.0)]
    empty = WordVectors(["zero"], [[0.0, 0.0]]).approximate(ONE_THREAD)
    assert empty.nearest_batch([[1.0, 0.0]]) == [[]]


def test_a_saved_graph_answers_alike(exact: WordVectors, fast: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / "v.index"
    fast.save_index(path)
    again = exact.approximate(path)
    for row in range(50):
        if row != 5:
            assert again.most_similar(f"w{row}") == fast.most_similar(f"w{row}")
    with pytest.raises(FormatError, match="graph of another table"):
        WordVectors(exact.words, exact.vectors[::-1]).approximate(path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ChecksumError, match="not the one that was written"):
        exact.approximate(path)
    path.write_bytes(raw[:-1])
    with pytest.raises(FormatError, match="no readable safetensors file"):
        exact.approximate(path)
    exact.save(path, layout="safetensors")
    with pytest.raises(FormatError, match="no tensor 'graph' among"):
        exact.approximate(path)


def test_what_makes_no_sense_is_refused(exact: WordVectors, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(UsageError, match="has no index"):
        exact.save_index(tmp_path / "v.index")
    for wrong in ({"links": 1}, {"search_width": 0}, {"numbers": "int4"}, {"threads": 0}):
        with pytest.raises(UsageError, match="expected"):
            IndexSettings(**wrong)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ResourceError, match=r"pip install 'cutaway\[index\]'"):
        exact.approximate()
