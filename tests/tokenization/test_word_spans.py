"""Words as GloVe's vocabulary has them: the rules, the offsets, odd characters, coverage."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.tokenization.word_spans import word_spans

if TYPE_CHECKING:
    from cutaway.embeddings.vectors import WordVectors


def words(text: str) -> list[str]:
    return [word.text for word in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't, can't and won't.", "I do n't , ca n't and wo n't ."),
        ("DON’T it’s", "DO N’T it ’s"),
        ("We've I'm they'd you're she'll get 'em", "We 've I 'm they 'd you 're she 'll get 'em"),
        ("Bean's film's", "Bean 's film 's"),
        ("O'Brien's o'clock D'Angelo", "O'Brien 's o'clock D'Angelo"),
        ("Mr. Bean vs. Dr. No etc.", "Mr. Bean vs. Dr. No etc."),
        ("the U.S. team, e.g. them.", "the U.S. team , e.g. them ."),
        ("3.5 1,000 10/10 7:30 1980s 20th", "3.5 1,000 10/10 7:30 1980s 20th"),
        ("well-known sci-fi -- yes...", "well-known sci-fi -- yes ..."),
        ("one<br /><br>two<BR/>three", "one two three"),
        ("a < b > c <b>", "a < b > c < b >"),
        ('(Really?!) "so" it\'s #1 @ $5', '( Really ? ! ) " so " it \'s # 1 @ $ 5'),
        ("naïve café Ünder 東京", "naïve café Ünder 東京"),
        ("snake_case", "snake _ case"),
        ("", ""),
        (" \t\n ", ""),
    ],
)
def test_the_rules(text: str, expected: str) -> None:
    assert words(text) == expected.split()


@given(st.text())
def test_spans_are_slices_in_order_and_leave_only_space(text: str) -> None:
    end = 0
    for word in word_spans(text):
        assert text[word.start : word.end] == word.text
        assert word.start >= end
        assert word.end > word.start
        assert not text[end : word.start].strip() or "<br" in text[end : word.start].lower()
        end = word.end
    assert not text[end:].strip() or "<br" in text[end:].lower()


def test_odd_characters_keep_their_places() -> None:
    text = "a\x00b \ud800 \U0001f600 שלום"
    assert [(word.text, word.start) for word in word_spans(text)] == [
        ("a", 0),
        ("\x00", 1),
        ("b", 2),
        ("\ufffd", 4),
        ("\U0001f600", 6),
        ("שלום", 8),
    ]


@pytest.mark.parametrize("piece", ["a", "1", "a.", "1.", "-", ".", "n't", "o'", "a-", "'", "<br "])
def test_a_long_run_of_one_thing_is_read_in_one_pass(piece: str) -> None:
    # Quadratic backtracking would take an hour here, not a second.
    found = word_spans(piece * (300_000 // len(piece)))
    assert sum(len(word.text) for word in found) >= 210_000


@pytest.mark.data
def test_glove_knows_more_than_99_percent_of_the_words_of_reviews(
    data_folder: Path, glove: WordVectors
) -> None:
    import pyarrow.parquet as parquet

    texts = parquet.read_table(data_folder / "imdb" / "train.parquet")["text"].to_pylist()
    found = [word.lower() for text in random.Random(0).sample(texts, 2000) for word in words(text)]
    known = sum(word in glove for word in found)
    assert known / len(found) > 0.99
