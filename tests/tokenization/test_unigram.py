"""Unigram against every way to cut a word, and what its errors say."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import DataError, FormatError
from cutaway.tokenization.models.unigram import UNKNOWN_PENALTY, Unigram

scored = st.dictionaries(
    st.text("abc", min_size=1, max_size=3),
    st.integers(-40, -1).map(lambda score: score / 4),
    min_size=1,
    max_size=12,
)


def best_score(word: str, scores: dict[str, float]) -> float:
    """The best of all ways to cut a word, by trying each."""
    unknown = min(scores.values()) - UNKNOWN_PENALTY
    found = []
    for cuts in itertools.product([False, True], repeat=len(word) - 1):
        bounds = [0, *(at + 1 for at, cut in enumerate(cuts) if cut), len(word)]
        parts = [word[start:end] for start, end in itertools.pairwise(bounds)]
        if all(part in scores or len(part) == 1 for part in parts):
            found.append(sum(scores.get(part, unknown) for part in parts))
    return max(found)


@given(scores=scored, word=st.text("abcd", min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_other_way_to_cut_a_word_scores_higher(scores: dict[str, float], word: str) -> None:
    model = Unigram([("<unk>", 0.0), *scores.items()], unknown_id=0, hidden={0})
    way = model.best(word)
    assert "".join(word[edge.start : edge.end] for edge in way) == word
    assert sum(edge.score for edge in way) == pytest.approx(best_score(word, scores))
    assert way[-1].best == pytest.approx(best_score(word, scores))


@given(scores=scored, word=st.text("abcd", min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_steps_hold_the_way_that_is_taken(scores: dict[str, float], word: str) -> None:
    model = Unigram([("<unk>", 0.0), *scores.items()], unknown_id=0, hidden={0})
    taken = [(row["start"], row["end"]) for row in model.steps(word) if row["taken"]]
    assert taken == [(edge.start, edge.end) for edge in model.best(word)]


def test_unknown_without_a_piece_is_an_error_with_the_character() -> None:
    with pytest.raises(DataError, match="'x' has no pieces"):
        Unigram([("a", -1.0)]).pieces("ax")


def test_odd_pieces_are_refused() -> None:
    with pytest.raises(FormatError, match="there are no pieces"):
        Unigram([])
    with pytest.raises(FormatError, match=r"1 pieces stand twice: \['a'\]"):
        Unigram([("a", -1.0), ("a", -2.0)])
    with pytest.raises(FormatError, match="has id 3, of 1 pieces"):
        Unigram([("a", -1.0)], unknown_id=3)
