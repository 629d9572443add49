"""Evaluation of word vectors: Spearman against SciPy, analogies against a table made for them, bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core.errors import DataError, FormatError, MissingFileError, UsageError
from cutaway.embeddings.evaluation import (
    RatedPair,
    answer_analogies,
    rate_pairs,
    read_analogies,
    read_pairs,
    shared_pairs,
    spearman,
)
from cutaway.embeddings.vectors import WordVectors

# Two directions: what is meant, and in which form; each word is the sum of both.
FORMS = WordVectors(
    ["man", "woman", "king", "queen", "other"],
    np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [-1, -1, 0.1, 0]], np.float32),
)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=30))
def test_spearman_equals_scipy(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import spearmanr

    one, other = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
    ours = spearman(one, other)
    if len(set(one)) > 1 and len(set(other)) > 1:
        assert ours == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)
    else:
        assert ours == 0.0


def test_pairs_are_rated_with_their_interval(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(
        "# rated\nword1\tword2\tscore\nKing\tqueen\t9\nman\twoman\t8\nking\tother\t1\nman\tqueen\t2\nno\tking\t5\n"
    )
    pairs = read_pairs(path)
    assert pairs[0] == RatedPair("King", "queen", 9.0)
    assert len(pairs) == 5
    result = rate_pairs(FORMS, pairs)
    cosines = [0.5, 0.5, FORMS.similarity("king", "other"), 0.0]
    assert result.spearman == pytest.approx(spearman(np.array(cosines), np.array([9.0, 8, 1, 2])))
    spread = 1.959964 * 1.06**0.5
    assert np.arctanh(result.high) - np.arctanh(result.low) == pytest.approx(2 * spread)
    assert (result.used, result.total) == (4, 5)
    assert len(shared_pairs([FORMS, FORMS], pairs)) == 4


def test_analogies_are_answered_without_the_words_of_the_question(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text(
        ": royal\nman woman king queen\nMan Woman King Other\n: unknown\nman woman king empress\n"
    )
    royal, unknown, every = answer_analogies(FORMS, read_analogies(path))
    assert (royal.section, royal.accuracy, royal.used, royal.total) == ("royal", 0.5, 2, 2)
    assert (unknown.used, unknown.total, unknown.low, unknown.high) == (0, 1, 0.0, 1.0)
    assert (every.section, every.accuracy, every.used, every.total) == ("all", 0.5, 2, 3)
    assert every.low == pytest.approx(0.0945, abs=1e-4)  # Wilson's interval of 1 in 2
    assert every.high == pytest.approx(0.9055, abs=1e-4)


def test_lists_of_pairs_ask_every_two_of_them(tmp_path: Path) -> None:
    (tmp_path / "royal.txt").write_text("man\twoman\nking\tempress/queen\n")
    questions = read_analogies(tmp_path)
    assert [(q.section, q.a, q.b, q.c, q.answers) for q in questions] == [
        ("royal", "man", "woman", "king", ("empress", "queen")),
        ("royal", "king", "empress", "man", ("woman",)),
    ]
    assert answer_analogies(FORMS, questions)[-1].accuracy == 1.0


def test_bad_files_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text("king queen 5\nking queen\n")
    with pytest.raises(FormatError, match=r"bad.txt, line 2: 'king queen' is not two words and a number"):
        read_pairs(path)
    path.write_text("# nothing\n")
    with pytest.raises(FormatError, match="has no pair"):
        read_pairs(path)
    with pytest.raises(FormatError, match="has no analogy"):
        read_analogies(path)
    path.write_text("a b c\n")
    with pytest.raises(FormatError, match="line 1: 'a b c' is neither four words nor two"):
        read_analogies(path)
    with pytest.raises(MissingFileError, match="there is no file"):
        read_pairs(tmp_path / "none")
    with pytest.raises(DataError, match="0 of 1 pairs are known"):
        rate_pairs(FORMS, [RatedPair("x", "y", 1.0)])
    path.write_text("x y z w\n")
    with pytest.raises(DataError, match="none of 1 analogies"):
        answer_analogies(FORMS, read_analogies(path))
    with pytest.raises(UsageError, match="no table is given"):
        shared_pairs([], [])
