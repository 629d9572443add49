"""Training: the merges of the reference library, a slow oracle's, and what is refused."""

from __future__ import annotations

import io
import itertools
import json
import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokenization.families import TEXTS
from tests.tokenization.test_families import hard_texts

from cutaway.core.errors import DataError, FormatError, UsageError
from cutaway.tokenization.kernels import lattice as lattices
from cutaway.tokenization.models.bpe import BytePairEncoding
from cutaway.tokenization.normalizers.sentencepiece import SentencePieceNormalizer
from cutaway.tokenization.splitters.patterns import GPT2, KNOWN, LLAMA3, split_by_pattern
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.tokenization.training import unigrams
from cutaway.tokenization.training.byte_pairs import BytePairTraining, train_byte_pairs
from cutaway.tokenization.training.merges import Goal, learn_merges
from cutaway.tokenization.training.trainer import trace_training
from cutaway.tokenization.training.unigrams import UnigramTraining, train_unigram
from cutaway.tokenization.training.word_counts import count_bert_words, count_byte_words
from cutaway.tokenization.training.wordpieces import SPECIAL, WordPieceTraining, train_wordpieces


def slow_merges(words: dict[tuple[int, ...], int], symbols: int, goal: Goal) -> list[tuple[int, int, int]]:
    """Count all pairs again before every merge, for symbols that are all spelled differently."""
    split = {word: list(word) for word in words}
    found = []
    while symbols < goal.symbols:
        counts: Counter[tuple[int, int]] = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                counts[pair] += words[word]
        best = min(counts, key=lambda pair: (-counts[pair], pair), default=None)
        if best is None or counts[best] < goal.min_count:
            break
        found.append((*best, counts[best]))
        for parts in split.values():
            at = 0
            while at < len(parts) - 1:
                if (parts[at], parts[at + 1]) == best:
                    parts[at : at + 2] = [symbols]
                at += 1
        symbols += 1
    return found


# Powers of two as spellings: no two ways to join them spell the same.
@given(
    words=st.dictionaries(
        st.lists(st.integers(0, 3), min_size=1, max_size=7).map(tuple),
        st.integers(1, 5),
        min_size=1,
        max_size=12,
    ),
    goal=st.builds(Goal, symbols=st.integers(4, 12), min_count=st.integers(1, 4)),
)
@settings(max_examples=300, deadline=None)
def test_merges_equal_those_of_counting_again(words: dict[tuple[int, ...], int], goal: Goal) -> None:
    theirs = slow_merges(words, 4, goal)
    ours = learn_merges(words, [b"a", b"b", b"c", b"d"], goal)
    spelled = ["a", "b", "c", "d"]
    for at, (step, (left, right, times)) in enumerate(zip(ours, theirs, strict=False)):
        joined = spelled[left] + spelled[right]
        if joined in spelled:  # made before in another way: here the two part
            return
        assert (step.left, step.right, step.times) == (left, right, times), at
        spelled.append(joined)
    assert len(ours) == len(theirs)


def reference_merges(texts: list[str], vocab_size: int, pattern: str) -> list[tuple[str, str]]:
    from tokenizers import Regex, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Reference

    theirs = Reference(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    found: list[Any] = json.loads(theirs.to_str())["model"]["merges"]
    return [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in found]


@pytest.mark.parametrize("pattern", [LLAMA3, GPT2])
def test_merges_equal_those_of_the_reference(pattern: str) -> None:
    texts = [*hard_texts(41, 500), *TEXTS * 3]
    pipeline, _ = train_byte_pairs(texts, BytePairTraining(vocab_size=1500, pattern=pattern))
    assert isinstance(pipeline.model, BytePairEncoding)
    assert list(pipeline.model.merges or []) == reference_merges(texts, 1500, pattern)


@given(texts=st.lists(st.text(max_size=60), max_size=6))
@settings(max_examples=100, deadline=None)
def test_words_are_counted_as_the_pattern_cuts_them(texts: list[str]) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in texts]
    expected = Counter(
        text[start:end].encode() for text in clean for start, end in split_by_pattern(text, LLAMA3)
    )
    assert count_byte_words(clean, KNOWN[LLAMA3]) == expected


def test_many_words_grow_the_table() -> None:
    texts = [" ".join("abcdefghij"[int(digit)] for digit in f"{number:05d}") for number in range(100)]
    words = ["".join("abcdefghij"[int(digit)] for digit in f"{number:06d}") for number in range(90_000)]
    counted = count_byte_words([*texts, " ".join(words), " ".join(words)], KNOWN[GPT2])
    assert counted[b" aaaaab"] == 2
    assert len(counted) == 90_000 + 11  # one of the six-letter words, and ten letters, also stand at a start
    assert sum(counted.values()) == 2 * 90_000 + 500


def test_bert_words_equal_those_of_the_open_path(tokenizer: Tokenizer, torture: list[str]) -> None:
    texts = torture[::7]
    expected: Counter[str] = Counter()
    for text in texts:
        expected.update(
            word.text.text
            for word in tokenizer._path.words(text.encode("utf-8", "replace").decode())
            if word.token is None
        )
    counted = count_bert_words(texts, WordPieceTraining().normalizer)
    special = Counter({word: times for word, times in counted.items() if word not in expected})
    assert all(expected[word] <= counted[word] for word in expected)
    assert sum(special.values()) < sum(expected.values()) / 10


def test_a_trained_tokenizer_is_one_for_the_reference_too(tmp_path: Any) -> None:
    from tokenizers import Tokenizer as Reference

    for model, name in (("bpe", "bpe.json"), ("wordpiece", "wordpiece.json")):
        ours = Tokenizer.train(TEXTS, model=model, vocab_size=700)  # type: ignore[arg-type]
        ours.save(tmp_path / name)
        theirs = Reference.from_file(str(tmp_path / name))
        for text in [*hard_texts(43, 60), *TEXTS]:
            assert ours.encode(text).ids == theirs.encode(text).ids
        assert ours.vocab_size <= 700


def test_word_pieces_hold_whole_words_that_are_frequent() -> None:
    pipeline, learned = train_wordpieces(["the theater of the north"] * 9, WordPieceTraining(vocab_size=60))
    pieces = set(pipeline.model.vocabulary)
    assert {"the", "of", "north", "theater", *SPECIAL} <= pieces
    assert [row.times for row in learned] == sorted((row.times for row in learned), reverse=True)


def test_trace_tells_each_merge() -> None:
    pipeline, learned = train_byte_pairs(["ab ab abc"] * 3, BytePairTraining(vocab_size=259))
    table = trace_training(learned, Tokenizer(pipeline).token_of).table("merges")
    assert table.rows[0] == (1, "a", "b", "ab", 257, 9, 18)
    assert table.rows[1][3:6] == ("Ġab", 258, 6)


def test_what_cannot_be_learned_is_refused() -> None:
    with pytest.raises(DataError, match="no text to learn from"):
        Tokenizer.train([])
    with pytest.raises(DataError, match="text 1 is int"):
        Tokenizer.train(["a", 3])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="vocab_size is 100: it must be at least 257"):
        Tokenizer.train(["a"], vocab_size=100)
    with pytest.raises(UsageError, match="model is 'magic'"):
        Tokenizer.train(["a"], model="magic")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="the characters are"):
        Tokenizer.train(["abcdefgh"], model="wordpiece", vocab_size=8)
    with pytest.raises(UsageError, match="has no scanner"):
        BytePairTraining(pattern="x+")


def enumerated(word: str, scores: dict[str, float]) -> dict[str, float]:
    """How often each piece is expected in a word, over all ways to cut it; and the likelihood under ""."""
    found: Counter[str] = Counter()
    whole = 0.0
    for cuts in itertools.product([False, True], repeat=len(word) - 1):
        bounds = [0, *(at + 1 for at, cut in enumerate(cuts) if cut), len(word)]
        parts = [word[start:end] for start, end in pairwise(bounds)]
        if all(part in scores for part in parts):
            chance = math.exp(sum(scores[part] for part in parts))
            whole += chance
            for part in parts:
                found[part] += chance  # type: ignore[assignment]
    return {"": math.log(whole), **{part: value / whole for part, value in found.items()}}


def expect(words: dict[str, int], scores: dict[str, float]) -> tuple[float, np.ndarray[Any, Any]]:
    """The log likelihood of words, and how often each piece is expected in them, by the kernels."""
    flat = unigrams._flat(list(words), list(words.values()))
    lattice, expected = unigrams._lattice(flat, list(scores)), np.zeros(len(scores))
    longest = max(map(len, words)) + 1
    chances, room = np.exp(list(scores.values())), (np.empty(longest), np.empty(longest))
    return lattices.expect(flat, (0, len(words)), lattice, chances, expected, room), expected


@given(
    more=st.dictionaries(st.text("abc", min_size=2, max_size=4), st.floats(-6, -0.5), max_size=8),
    words=st.dictionaries(st.text("abc", min_size=1, max_size=7), st.integers(1, 4), min_size=1, max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_expected_counts_equal_those_over_all_ways(more: dict[str, float], words: dict[str, int]) -> None:
    scores = {"a": -1.5, "b": -2.0, "c": -2.5, **more}
    whole, expected = expect(words, scores)
    theirs = {word: enumerated(word, scores) for word in words}
    assert whole == pytest.approx(sum(count * theirs[word][""] for word, count in words.items()))
    for piece, value in zip(scores, expected, strict=True):
        oracle = sum(count * theirs[word].get(piece, 0.0) for word, count in words.items())
        assert value == pytest.approx(oracle, abs=1e-9)


@pytest.mark.parametrize("length", [10, 300, 4_000])
def test_words_too_unlikely_for_plain_numbers_are_expected_as_exactly(length: int) -> None:
    """One letter, alone or doubled: the sums over all ways are those of Fibonacci with weights, in fractions."""
    alone, doubled = 0.25, 0.125
    sums = [Fraction(1), Fraction(alone)]
    for _ in range(length - 1):
        sums.append(sums[-1] * Fraction(alone) + sums[-2] * Fraction(doubled))
    whole, expected = expect({"a" * length: 3}, {"a": math.log(alone), "aa": math.log(doubled)})
    top, bottom = sums[length].as_integer_ratio()
    assert whole == pytest.approx(3 * (math.log(top) - math.log(bottom)))
    ways = sum(sums[at] * sums[length - 1 - at] for at in range(length))
    assert expected[0] == pytest.approx(3 * float(ways * Fraction(alone) / sums[length]))
    assert expected[0] + 2 * expected[1] == pytest.approx(3 * length)


def test_a_lattice_keeps_the_edges_of_kept_pieces() -> None:
    words, pieces = unigrams._flat(["abab", "b", "ba"], [1, 1, 1]), ["a", "ab", "b", "ba", "bab"]
    lattice = unigrams._lattice(words, pieces)
    kept = np.array([True, False, True, True, False])
    assert unigrams._kept(pieces, lattice, kept) == ["a", "b", "ba"]
    fresh, used = unigrams._lattice(words, ["a", "b", "ba"]), int(lattice[0][-1])
    assert lattice[0].tolist() == fresh[0].tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    assert lattice[1][:used].tolist() == fresh[1][:used].tolist()
    assert lattice[2][:used].tolist() == fresh[2][:used].tolist()


def test_unigram_is_as_likely_as_the_references(tmp_path: Any) -> None:
    import sentencepiece

    texts = [*TEXTS, *(" ".join(text.split()[::-1]) for text in TEXTS[:6])]
    pipeline, rounds = train_unigram(texts, UnigramTraining(vocab_size=200))
    ours = Tokenizer(pipeline)
    assert ours.vocab_size == 200
    assert rounds[-1].pieces <= 197 < rounds[-2].pieces
    ours.save(tmp_path / "mine.model")
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "mine.model"))
    for text in [*hard_texts(47, 100), *TEXTS]:
        assert ours.encode(text).ids == theirs.encode(text)
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=out,
        vocab_size=200,
        character_coverage=1.0,
        normalization_rule_name="identity",
        minloglevel=5,
    )
    (tmp_path / "theirs.model").write_bytes(out.getvalue())

    def likelihood_of(tokenizer: Tokenizer) -> float:
        model: Any = tokenizer.pipeline.model
        return float(sum(model.scores[number] for text in texts for number in tokenizer.encode(text).ids))

    assert likelihood_of(ours) > 1.02 * likelihood_of(Tokenizer.load(tmp_path / "theirs.model"))


def test_unigram_is_written_as_components(tmp_path: Any) -> None:
    import tokenizers

    texts = [*TEXTS, "Größe café naïve \u3042\u3044 x\ty"]
    trained = Tokenizer(train_unigram(texts, UnigramTraining(vocab_size=220))[0])
    trained.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.load(tmp_path / "tokenizer.json")
    plain = [
        "",
        " ",
        "   ",
        "\u2581",
        " \u2581 ",
        "a\u2581\u2581 b \u2581",
        "\n a  b \n",
        "\u3000a",
        "a\tb  c ",
    ]
    hard = [*hard_texts(53, 300), *texts, *plain, *(f"  {text}   {text} " for text in texts[:9])]
    rows = ours.encode_batch(hard)
    for text, row in zip(hard, rows, strict=True):
        found = theirs.encode(text)
        assert ours.encode(text).ids == row.tolist() == found.ids
        assert list(ours.encode(text).offsets) == found.offsets
        if "<" not in text:
            assert trained.encode(text).ids == found.ids
            assert ours.decode(found.ids) == theirs.decode(found.ids)
    assert ours.encode("a<s>b").tokens == theirs.encode("a<s>b").tokens
    ours.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()


def test_unigram_that_components_cannot_say_is_refused(tmp_path: Any) -> None:
    pipeline, _ = train_unigram(TEXTS, UnigramTraining(vocab_size=200))
    suffixed = replace(pipeline, normalizer=SentencePieceNormalizer(whitespace_as_suffix=True))
    with pytest.raises(FormatError, match=r"settings of its own for spaces: save it as a \.model file"):
        Tokenizer(suffixed).save(tmp_path / "tokenizer.json")


def test_unigram_refuses_what_it_cannot_learn() -> None:
    with pytest.raises(DataError, match="no text to learn from"):
        train_unigram([" "], UnigramTraining())
    with pytest.raises(UsageError, match="the characters are 7: raise it"):
        train_unigram(["abc"], UnigramTraining(vocab_size=5))
    with pytest.raises(UsageError, match=r"kept 1\.5"):
        UnigramTraining(kept=1.5)
