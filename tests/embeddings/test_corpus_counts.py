"""The vocabulary and the numbers of a corpus: the kernel over bytes beside a plain dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutaway.core.errors import DataError, UsageError
from cutaway.embeddings.corpus import Sentence, split_words
from cutaway.embeddings.corpus_counts import LONGEST, EncodedCorpus, IdStore, count_corpus, count_words
from cutaway.embeddings.numbering import Numbering

# Letters of one, two, three and four bytes, what joins and what parts words.
TEXTS = st.text("abzAZ09'_-. \n\0é世🙂", max_size=40)
# Around eight and sixteen bytes a word is read in one piece more.
WORDS = st.text("ab'_ \0é", max_size=3) | st.text("ab", min_size=6, max_size=18) | st.text("aé", min_size=3)
SENTENCES = st.lists(TEXTS | st.lists(WORDS, max_size=8), min_size=1, max_size=8)


def words_of(sentence: Sentence) -> list[str]:
    if isinstance(sentence, str):
        return split_words(sentence)
    return [word.replace("\0", "\ufffd") for word in sentence if word]


def decoded(corpus: EncodedCorpus) -> list[list[str]]:
    cut = np.split(corpus.ids, corpus.starts[1:-1])
    return [[corpus.words[row] for row in ids.tolist()] for ids in cut]


@given(SENTENCES)
def test_the_kernel_numbers_what_the_splitter_splits(sentences) -> None:
    plain = [words for sentence in sentences if (words := words_of(sentence))]
    if not plain:
        with pytest.raises(DataError, match="the corpus is empty"):
            count_corpus(sentences)
        return
    corpus = count_corpus(sentences)
    assert decoded(corpus) == plain
    # Equally frequent words stand as they appeared, which is what `most_common` does too.
    assert list(zip(corpus.words, corpus.counts.tolist(), strict=True)) == count_words(plain).most_common()
    assert corpus.read == sum(map(len, plain))


@given(SENTENCES, st.integers(1, 3), st.integers(1, 4))
def test_rare_words_are_left_out(sentences, min_count, max_words) -> None:
    plain = [words_of(sentence) for sentence in sentences]
    frequent = [pair for pair in count_words(plain).most_common() if pair[1] >= min_count][:max_words]
    if not frequent:
        return
    corpus = count_corpus(sentences, min_count=min_count, max_words=max_words)
    assert list(zip(corpus.words, corpus.counts.tolist(), strict=True)) == frequent
    kept = [[word for word in words if word in corpus.words] for words in plain]
    assert decoded(corpus) == [words for words in kept if words]


def test_the_table_grows() -> None:
    # 200,000 distinct words of 1 to 30 letters: more than the first table, pool and counts hold.
    random = np.random.default_rng(3)
    letters = "".join(random.choice(list("abcdefgh"), 4_000_000).tolist())
    cuts = np.cumsum(random.integers(1, 31, 200_000)).tolist()
    words = [letters[a:b] for a, b in pairwise(cuts)]
    corpus = count_corpus(words[at : at + 100] for at in range(0, len(words), 100))
    assert [corpus.words[row] for row in corpus.ids.tolist()] == words
    assert len(corpus.words) == len(set(words)) > 150_000


def test_words_alike_up_to_their_last_byte() -> None:
    words = ["a" * length + last for length in range(40) for last in "bc"]
    corpus = count_corpus([words, words])
    assert corpus.words == words
    assert corpus.ids.tolist() == 2 * list(range(80))


def test_long_sentences_are_cut() -> None:
    corpus = count_corpus([["a"], ["b"] * (2 * LONGEST + 1), ["c"]])
    assert np.diff(corpus.starts).tolist() == [1, LONGEST, LONGEST, 1, 1]


def test_a_spilled_corpus_is_the_same() -> None:
    numbering, held, spilled = Numbering(), IdStore(), IdStore(in_memory=5)
    for batch in (["a b c", "b"], ["c c c a d"], [""], ["d a b"]):
        chunk = numbering.add(batch)
        held.append(chunk)
        spilled.append(chunk)
    rows = np.array([1, 0, -1, 2], np.int32)
    for one, other in zip(held.finish(rows), spilled.finish(rows), strict=True):
        assert one.tolist() == other.tolist()


def test_a_generator_is_read_once() -> None:
    def once() -> Iterable[Sequence[str]]:
        yield ["b", "a"]
        yield ["a"]

    assert count_corpus(once()).words == ["a", "b"]


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ([], "the corpus is empty"),
        (["...", "", []], "the corpus is empty"),
        ([["a", "b", "b"]], r"no word occurs 3 times or more: the most frequent of 2 words, 'b', occurs 2"),
        ([3], "a sentence is int"),
        ([["a", 3]], "a sentence holds 3 of type int"),
        ([["a"], {"b"}], "a sentence is set"),
    ],
)
def test_what_cannot_be_counted_is_told(sentences, message) -> None:
    with pytest.raises(DataError, match=message):
        count_corpus(sentences, min_count=3)


def test_a_text_is_not_a_corpus() -> None:
    with pytest.raises(UsageError, match="not one text"):
        count_corpus("one text")
