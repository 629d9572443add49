"""The open path step by step, and the trace that shows it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cutaway.core.trace import PACKAGE
from cutaway.tokenization.added import AddedToken, AddedTokens
from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.models.wordpiece import WordPiece
from cutaway.tokenization.normalizers.bert import normalize
from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.splitters.bert import split_words
from cutaway.tokenization.tokenizer import Tokenizer

BERT_VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"


def test_the_slice_sentence_gives_ll_ms(tokenizer: Tokenizer) -> None:
    encoding = tokenizer.encode("I love learning about LLMs")
    assert encoding.tokens == ["[CLS]", "i", "love", "learning", "about", "ll", "##ms", "[SEP]"]
    assert encoding.ids == [101, 1045, 2293, 4083, 2055, 2222, 5244, 102]
    assert encoding.offsets[-3:] == [(22, 24), (24, 26), (0, 0)]
    assert encoding.word_ids == [None, 0, 1, 2, 3, 4, 4, None]


@pytest.mark.parametrize(
    ("char", "kind", "becomes"),
    [
        ("É", "word", "e"),
        ("각", "word", "\u1100\u1161\u11a8"),
        ("≠", "punctuation", "="),
        ("日", "ideograph", "日"),
        ("\u0301", "mark", ""),
        ("\u1abf", "word", "\u1abf"),  # a mark to Python, not to the reference's older Unicode
        ("\0", "removed", ""),
        ("\u3000", "space", " "),
    ],
)
def test_character_has_its_fate(char: str, kind: str, becomes: str) -> None:
    known = bert_characters()[char]
    assert (known.kind, known.becomes) == (kind, becomes)


def test_no_character_folds_to_more_than_its_bytes() -> None:
    """The compiled path takes as many ids as there are bytes."""
    characters = bert_characters()
    longer = [char for char in characters.decomposed if len(characters[char].becomes) > len(char.encode())]
    assert longer == []


def test_normalized_text_points_back_to_its_source() -> None:
    normalized = normalize(AlignedText.of("E\u0301t\0é 日"))
    assert normalized.text == "ete  日 "
    assert normalized.starts == [0, 2, 4, 5, 6, 6, 6]


@pytest.mark.parametrize(
    ("text", "folded", "sources"), [("A\tb", "a b", [0, 1, 2]), ("A\0B\x7fc", "abc", [0, 2, 4])]
)
def test_ascii_is_folded_like_any_text(text: str, folded: str, sources: list[int]) -> None:
    normalized = normalize(AlignedText.of(text))
    assert (normalized.text, list(normalized.starts)) == (folded, sources)
    assert normalize(AlignedText.of(text + "é")).text == folded + "e"


def test_special_tokens_are_cut_leftmost_and_longest() -> None:
    tokens = [AddedToken(id=at, content=content) for at, content in enumerate(("<a>", "<a>b", "b<"))]
    cut = AddedTokens(tokens, None).cut(AlignedText.of("x<a>bb<a>"))
    parts = [(part.text.text, part.text.starts[0], part.token and part.token.id) for part in cut]
    assert parts == [("x", 0, None), ("<a>b", 1, 1), ("b<", 5, 2), ("a>", 7, None)]


def test_words_end_at_space_and_around_punctuation() -> None:
    words = [(word.text, word.start, word.end) for word in split_words("  don't ##a ")]
    assert words == [("don", 2, 5), ("'", 5, 6), ("t", 6, 7), ("#", 8, 9), ("#", 9, 10), ("a", 10, 11)]


def test_failing_search_shows_every_try_and_gives_one_unknown() -> None:
    model = WordPiece({"[UNK]": 0, "ab": 1, "##c": 2})
    made = [(look.start, look.end, look.piece, look.id) for look in model.tries("abcd", every=True)]
    assert made == [
        (0, 4, "abcd", None),
        (0, 3, "abc", None),
        (0, 2, "ab", 1),
        (2, 4, "##cd", None),
        (2, 3, "##c", 2),
        (3, 4, "##d", None),
    ]
    assert [(piece.id, piece.start, piece.end) for piece in model.pieces("abcd")] == [(0, 0, 4)]


def test_a_word_over_a_hundred_characters_is_not_looked_up() -> None:
    model = WordPiece({"[UNK]": 0, "a": 1, "##a": 2})
    assert len(model.pieces("a" * 100)) == 100
    assert [piece.id for piece in model.pieces("a" * 101)] == [0]
    assert len(list(model.tries("a" * 101))) == 1


def test_trace_holds_what_encode_returns(torture: list[str], tokenizer: Tokenizer) -> None:
    for text in torture[:300]:
        encoding = tokenizer.encode(text, special=False)
        tokens = tokenizer.trace(text).table("tokens")
        assert tokens.column("id") == encoding.ids
        assert tokens.column("token") == encoding.tokens
        assert tokens.column("word") == encoding.word_ids
        spans = list(zip(tokens.column("start"), tokens.column("end"), strict=True))
        assert spans == encoding.offsets


def test_trace_shows_each_step_and_its_line(tokenizer: Tokenizer) -> None:
    trace = tokenizer.trace("É LLMs [MASK] \u2603x")
    assert trace.table("characters").rows[0] == (0, "É", "word", "e")
    assert trace.table("words").rows == (
        (0, "e", 0, 1),
        (1, "llms", 2, 6),
        (2, "[MASK]", 7, 13),
        (3, "\u2603x", 14, 16),
    )
    assert trace.table("tries").rows[1:6] == (
        (1, 0, 0, 4, "llms", False, None),
        (1, 1, 0, 3, "llm", False, None),
        (1, 2, 0, 2, "ll", True, 2222),
        (1, 3, 2, 4, "##ms", True, 5244),
        (2, 0, 0, 6, "[MASK]", True, 103),
    )
    assert trace.table("tries").rows[-1] == (3, 2, 0, 2, "[UNK]", True, 100)
    assert trace.facts["vocabulary sha256"] == BERT_VOCABULARY_SHA256
    for name in ("characters", "words", "tries", "tokens"):
        step = trace.step(name)
        assert step.formula
        line = (
            (PACKAGE.parent / step.source.file).read_text(encoding="utf-8").splitlines()[step.source.line - 1]
        )
        assert "rec.table(" in line


def test_one_sentence_needs_neither_numpy_nor_numba() -> None:
    code = (
        "import sys; from cutaway.tokenization.tokenizer import Tokenizer as T; "
        "T.load('bert-base-uncased').encode('Hello LLMs'); "
        "sys.stdout.write(' '.join({'numpy', 'numba', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_megabyte_is_encoded_and_cut(tokenizer: Tokenizer) -> None:
    text = "I love LLMs! " * 80_000
    assert len(tokenizer.encode(text, max_tokens=256)) == 256
    assert len(tokenizer.encode_batch([text, "x" * 1_000_000])[0]) == 2 + 5 * 80_000
    assert tokenizer.encode("x" * 1_000_000).tokens == ["[CLS]", "[UNK]", "[SEP]"]


@pytest.mark.parametrize("text", ["", "\0", " \n\t", "\u200b", "\ud800", "\u0301"])
def test_text_of_which_nothing_is_left_has_no_tokens(text: str, tokenizer: Tokenizer) -> None:
    assert tokenizer.encode(text, special=False).ids == []
    assert tokenizer.encode_batch([text]).ids.tolist() == [101, 102]
    assert tokenizer.trace(text).table("tokens").rows == ()


def test_lone_surrogates_count_as_the_replacement_character(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("a\ud800b c").offsets == tokenizer.encode("a\ufffdb c").offsets
    assert tokenizer.encode("a\ud800b c").tokens == ["[CLS]", "ab", "c", "[SEP]"]
