"""Treebank words: those of NLTK's word tokenizer, with its spans."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.tokenization.treebank.fast import treebank_batch
from cutaway.tokenization.treebank.words import trace_treebank, treebank_words

MARKS = [
    *" .,:;'\"`?!-()[]{}<>*@#$%&«»“”‘’„–—―\n\t\x1c\xa0\x85\u2028_é日\u0301ſİı٣5",
    *("n't", "N'T", "'s", "'S", "'ll", "'re", "''", "``", "...", "..", "--", "---", "etc.", "U.S.", "3,000"),
    *("cannot", "Cannot", "gonna", "'tis", "'Twas", " 'twas ", "d'ye", "more'n", "wanna", "lemme", "gimme"),
    *("can", "not", "don't", "'em", "'d", "'m", "gotta", "a", "S", "re"),
]


def assert_equal(text: str) -> None:
    from nltk.tokenize import NLTKWordTokenizer

    ours = treebank_words(text)
    theirs = NLTKWordTokenizer()
    assert [word.text for word in ours] == theirs.tokenize(text)
    assert [(word.start, word.end) for word in ours] == list(theirs.span_tokenize(text))


def test_the_sentence_of_the_tour() -> None:
    words = treebank_words("I love learning about LLMs")
    assert [word.text for word in words] == ["I", "love", "learning", "about", "LLMs"]


def test_words_equal_the_reference_on_hard_text() -> None:
    choose = random.Random(5)
    for _ in range(2500):
        assert_equal("".join(choose.choices(MARKS, k=choose.randint(0, 12))))


@given(text=st.lists(st.sampled_from(MARKS) | st.text("abcnt' .", max_size=4), max_size=10).map("".join))
@settings(max_examples=300, deadline=None)
def test_words_equal_the_reference_on_any_text(text: str) -> None:
    assert_equal(text)


@pytest.mark.data
def test_words_equal_the_reference_on_reviews(data_folder: Path) -> None:
    import pyarrow.parquet as pq

    texts = pq.read_table(data_folder / "imdb" / "train.parquet", columns=["text"])["text"].to_pylist()
    for text in texts[::1000]:
        assert_equal(text)
    assert list(treebank_batch(texts[::500])) == [treebank_words(text) for text in texts[::500]]


def test_fast_path_equals_open_path_on_hard_text() -> None:
    choose = random.Random(6)
    texts = ["".join(choose.choices(MARKS, k=choose.randint(0, 14))) for _ in range(4000)]
    assert list(treebank_batch(texts)) == [treebank_words(text) for text in texts]


@given(
    texts=st.lists(
        st.lists(st.sampled_from(MARKS) | st.text(max_size=3), max_size=10).map("".join), max_size=4
    )
)
@settings(max_examples=300, deadline=None)
def test_fast_path_equals_open_path_on_any_text(texts: list[str]) -> None:
    assert list(treebank_batch(texts, threads=1)) == [treebank_words(text) for text in texts]


def test_batches_of_no_texts_and_lone_surrogates() -> None:
    assert list(treebank_batch([])) == []
    assert list(treebank_batch(["\ud800 a", "it's"])) == [treebank_words("\ud800 a"), treebank_words("it's")]


def test_wrong_use_of_a_batch_is_an_error() -> None:
    with pytest.raises(UsageError, match="one string"):
        treebank_batch("a text")
    with pytest.raises(UsageError, match="threads is 0"):
        treebank_batch(["a"], threads=0)
    with pytest.raises(DataError, match="row 1 is int, not a string"):
        treebank_batch(["a", 5])  # type: ignore[list-item]
    with pytest.raises(ShapeError, match="row 3 is outside the batch of 1 texts"):
        treebank_batch(["a"])[3]


def test_trace_names_each_rule_and_its_cuts() -> None:
    trace = trace_treebank('She said "I can\'t."')
    assert trace.table("words").column("text") == ["She", "said", "``", "I", "ca", "n't", ".", "''"]
    assert any(row[2] for row in trace.table("rules").rows)
