"""Words and rows, and the spellings nearest to a word that is not there."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core.errors import DataError, UnknownNameError
from cutaway.embeddings.spelling import edit_distances, nearest_spellings
from cutaway.embeddings.vocabulary import SCANS_BEFORE_DICTIONARY, Vocabulary

LETTERS = st.text("abc", max_size=6)


def edits(a: str, b: str) -> int:
    """The edit distance as its recursive definition has it."""
    if not a or not b:
        return len(a) + len(b)
    ways = [edits(a[1:], b) + 1, edits(a, b[1:]) + 1, edits(a[1:], b[1:]) + (a[0] != b[0])]
    if len(a) > 1 and len(b) > 1 and a[:2] == b[1::-1]:
        ways.append(edits(a[2:], b[2:]) + 1)
    return min(ways)


@given(LETTERS, st.lists(LETTERS, min_size=1, max_size=5))
def test_edit_distances_equal_their_definition(word, candidates) -> None:
    found = edit_distances(word, np.array(candidates, dtype=np.str_))
    assert found.tolist() == [edits(word, other) for other in candidates]


@given(st.lists(st.text(max_size=4), unique=True), st.text(max_size=4))
def test_scan_and_dictionary_agree(words, other) -> None:
    scanned = Vocabulary(pa.array(words, type=pa.string()), distinct="known")
    looked_up = Vocabulary(words)
    for word in [*words[:20], other]:
        expected = words.index(word) if word in words else None
        assert scanned.find(word) == looked_up.find(word) == expected
        assert (word in scanned) == (word in words)
    assert list(scanned) == words
    assert scanned[:2] == tuple(words[:2])


def test_the_dictionary_comes_with_many_look_ups() -> None:
    words = [f"w{row}" for row in range(50)]
    vocabulary = Vocabulary(pa.array(words), distinct="known")
    for _ in range(SCANS_BEFORE_DICTIONARY + 2):
        assert [vocabulary.find(word) for word in ("w0", "w49", "none")] == [0, 49, None]


def test_odd_words() -> None:
    vocabulary = Vocabulary(["", "a\x00b", "\ud800", "naïve", "🙂", "\u2028", " "])
    assert [vocabulary.find(word) for word in ("", "a\x00b", "\ufffd", "\ud800", "naïve", "🙂", "\u2028", " ")] == [
        0, 1, 2, 2, 3, 4, 5, 6,
    ]  # fmt: skip


def test_missing_and_duplicate_words_are_refused() -> None:
    with pytest.raises(DataError, match="row 1 has no word"):
        Vocabulary(pa.array(["a", None]))
    with pytest.raises(DataError, match="duplicate word 'a': rows 0 and 2"):
        Vocabulary(["a", "b", "a"])


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("quene", ("queen", "queue")),
        ("PARIS", ("paris",)),
        ("x" * 41, ()),
        ("", ()),
        ("zzzzzz", ()),
        ("\ud800ueen", ("queen",)),
    ],
)
def test_nearest_spellings(word, near) -> None:
    words = pa.array(["the", "paris", "queen", "queue", "quiet"])
    assert nearest_spellings(word, words, 2) == near


def test_the_error_suggests(glove) -> None:
    with pytest.raises(
        UnknownNameError, match="'transformrs' among 400,000 words: did you mean 'transformers'"
    ):
        glove["transformrs"]
    with pytest.raises(UnknownNameError, match=r"'qzqzqzqzqzqz' among 400,000 words$"):
        glove["qzqzqzqzqzqz"]
