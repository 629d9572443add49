"""Whole words: the most frequent ones in order, the rest unknown, and the file read back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import DataError, FormatError, ShapeError, UsageError
from cutaway.tokenization.word_vocabulary import WordVocabulary

TEXTS = ["The film is good, wasn't it?", 'A "good" film; the best.', "the film"]


def test_words_are_counted_and_ordered_as_nltk_cuts_them() -> None:
    from nltk.tokenize import NLTKWordTokenizer

    expected = Counter(word for text in TEXTS for word in NLTKWordTokenizer().tokenize(text.lower()))
    built = WordVocabulary.build(TEXTS)
    assert built.counts == expected
    assert list(built.counts) == sorted(expected, key=lambda word: (-expected[word], word))
    assert built.words[:4] == ("<pad>", "<unk>", "film", "the")


def test_rare_words_and_more_than_the_most_are_unknown() -> None:
    assert list(WordVocabulary.build(TEXTS, min_count=2).counts) == ["film", "the", "good"]
    few = WordVocabulary.build(TEXTS, max_size=3)
    assert len(few) == 3
    assert few.encode("the film <pad> <unk>") == [1, 2] + [1] * 6
    assert WordVocabulary.build(TEXTS, case="kept").counts["The"] == 1


@given(texts=st.lists(st.text('the film\'s "good" İ<pad>', max_size=30), max_size=6))
@settings(max_examples=60, deadline=None)
def test_batch_equals_single(texts: list[str]) -> None:
    words = WordVocabulary.build(TEXTS)
    assert [row.tolist() for row in words.encode_batch(texts)] == [words.encode(text) for text in texts]


def test_file_is_read_back(tmp_path: Path) -> None:
    built = WordVocabulary.build(TEXTS, case="kept")
    built.save(tmp_path / "words.json")
    loaded = WordVocabulary.load(tmp_path / "words.json")
    assert (loaded.counts, loaded.case, loaded.words) == (built.counts, built.case, built.words)
    assert loaded.decode(loaded.encode("The best film?")) == "The best film ?"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("[]", "no word vocabulary"),
        ({"words": [["a"]]}, "pairs of a word and its count"),
        ({"words": [["a", 1], ["a", 2]]}, "'a' stands there twice"),
        ({"words": [["<pad>", 1]]}, "'<pad>' with count 1"),
        ({"words": [["a", 0]]}, "'a' with count 0"),
        ({"words": [["a", 1]], "case": "upper"}, "case is 'upper'"),
    ],
)
def test_a_broken_file_is_named(content: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    told = (
        {"format": "cutaway word vocabulary 1", "case": "lower"} | content
        if isinstance(content, dict)
        else content
    )
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    with pytest.raises(FormatError, match=said):
        WordVocabulary.load(path)


def test_wrong_use_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="min_count is 0"):
        WordVocabulary.build(TEXTS, min_count=0)
    with pytest.raises(UsageError, match="max_size is 2"):
        WordVocabulary.build(TEXTS, max_size=2)
    with pytest.raises(DataError, match="no word came 9 times or more, of 15 different words"):
        WordVocabulary.build(TEXTS, min_count=9)
    with pytest.raises(DataError, match="row 1 is int"):
        WordVocabulary.build(["a", 3])  # type: ignore[list-item]
    with pytest.raises(DataError, match="cannot read"):
        WordVocabulary.load(tmp_path / "none.json")
    words = WordVocabulary.build(TEXTS)
    with pytest.raises(ShapeError, match="id 99 is outside"):
        words.decode([99])
    with pytest.raises(UsageError, match="one string"):
        words.encode_batch("the film")
