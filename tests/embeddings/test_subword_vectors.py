"""Vectors made of n-grams: means by a plain loop, unknown words, and every way to a file and back."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core.errors import FormatError, ShapeError, UnknownNameError, UsageError
from cutaway.embeddings import subword_vectors
from cutaway.embeddings.subword_vectors import SubwordVectors
from cutaway.embeddings.subwords import GramSettings, bucket, grams
from cutaway.embeddings.vectors import WordVectors

WORDS = ["walk", "walked", "talk", "日本", "</s>", "a"]
SETTINGS = GramSettings(shortest=3, longest=4, buckets=50)


def made(words: list[str] = WORDS, buckets: list[int] | None = None, seed: int = 0) -> SubwordVectors:
    has_row = list(range(50)) if buckets is None else buckets
    rows = np.random.default_rng(seed).normal(size=(len(words) + len(has_row), 6)).astype(np.float32)
    return SubwordVectors(words, rows, np.array(has_row, np.int64), SETTINGS)


def plainly(vectors: SubwordVectors, word: str) -> np.ndarray:
    """The definition, one n-gram after the other."""
    rows = [vectors.word_rows[list(vectors.words).index(word)]] if word in vectors.words else []
    for gram in grams(word, SETTINGS) if word != "</s>" else []:
        has_row = np.flatnonzero(vectors.buckets == bucket(gram, SETTINGS.buckets))
        rows += [vectors.gram_rows[row] for row in has_row]
    return np.mean(rows, axis=0, dtype=np.float64)


@given(st.lists(st.integers(0, 49), unique=True), st.integers(0, 100), st.integers(1, 4))
def test_known_and_unknown_words_equal_a_plain_mean(buckets: list[int], seed: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subword_vectors, "WORDS_AT_A_TIME", block)
        vectors = made(buckets=sorted(buckets), seed=seed)
    for word in WORDS:
        np.testing.assert_allclose(vectors[word], plainly(vectors, word), atol=1e-6)
    for word in ("walking", "日本語"):
        if any(bucket(gram, 50) in buckets for gram in grams(word, SETTINGS)):
            np.testing.assert_allclose(vectors[word], plainly(vectors, word), atol=1e-6)
        else:
            with pytest.raises(UnknownNameError, match=r"none of its .* n-grams"):
                vectors[word]


@pytest.mark.parametrize(("storage", "error"), [("float32", 0), ("float16", 2e-3), ("int8", 2e-2)])
def test_safetensors_keep_the_n_grams(tmp_path: Path, storage, error: float) -> None:
    vectors = made(buckets=[1, 4, 7, 20, 33, 48])
    vectors.save(tmp_path / "v.safetensors", storage=storage)
    again = WordVectors.load(tmp_path / "v.safetensors")
    assert isinstance(again, SubwordVectors)
    assert again.grams == SETTINGS
    for word in [*WORDS, "walking", "stalked"]:
        np.testing.assert_allclose(again[word], vectors[word], atol=error)
    np.testing.assert_allclose(again.rows, vectors.rows, atol=error)


def test_through_fasttext_binary_and_back(tmp_path: Path) -> None:
    vectors = made(buckets=[0, 4, 7, 20, 33])
    vectors.save(tmp_path / "v.bin", layout="fasttext-binary")
    again = WordVectors.load(tmp_path / "v.bin")
    for row, taken in enumerate(vectors.buckets):
        np.testing.assert_array_equal(again.gram_rows[taken], vectors.gram_rows[row])
    np.testing.assert_array_equal(again.word_rows, vectors.word_rows)


def change_header(path: Path, change) -> None:
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    change(header)
    new = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(new)) + new + raw[8 + length :])


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header["__metadata__"].pop("grams"),
        lambda header: header["__metadata__"].update(grams='{"shortest": 0}'),
        lambda header: header["__metadata__"].update(grams='{"many": 3}'),
        lambda header: header["__metadata__"].update(grams="[]"),
        lambda header: header.update(gone=header.pop("buckets")),
        lambda header: header["rows"].update(shape=[4, 84]),
    ],
)
def test_damaged_n_grams_are_refused(tmp_path: Path, change) -> None:
    path = tmp_path / "v.safetensors"
    made().save(path)
    change_header(path, change)
    with pytest.raises(FormatError, match="its n-grams are damaged"):
        WordVectors.load(path)


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"1 words, 2 n-grams, rows of shape \(2, 3\)"):
        SubwordVectors(["a"], np.ones((2, 3)), np.array([1, 2]), SETTINGS)
    with pytest.raises(ShapeError, match="do not rise"):
        SubwordVectors(["a"], np.ones((3, 3)), np.array([2, 1]), SETTINGS)


def test_neighbors_of_a_word_that_is_made_up() -> None:
    vectors = made()
    unit = {word: vectors[word] / np.linalg.norm(vectors[word]) for word in [*WORDS, "walking", "talks"]}
    total = unit["walking"] + unit["walk"] - unit["talks"]
    expected = sorted(set(WORDS) - {"walk"}, key=lambda word: -float(unit[word] @ total))
    assert [near.word for near in vectors.most_similar(["walking", "walk"], ["talks"])] == expected
    assert len(vectors.most_similar("walking", topn=2)) == 2
    with pytest.raises(UsageError, match="topn is 0"):
        vectors.most_similar("walking", topn=0)
