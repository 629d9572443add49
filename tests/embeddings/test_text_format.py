"""Vectors as text: what is read, and how damage is named."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import FormatError
from cutaway.embeddings.formats import text as text_format
from cutaway.embeddings.vectors import WordVectors

GLOVE = "the 0.1 -2e-3\nking 1 2\nqueen 3 4\n"


@pytest.fixture
def load(tmp_path: Path):
    def write_and_load(content: str | bytes) -> WordVectors:
        path = tmp_path / "vectors.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return WordVectors.load(path)

    return write_and_load


@pytest.mark.parametrize(
    "content",
    [
        GLOVE,
        "3 2\n" + GLOVE,
        GLOVE.rstrip("\n"),
        GLOVE.replace("\n", " \n"),
        "3 2\n" + GLOVE.replace("\n", " \n"),
        GLOVE.replace("\n", "\r\n"),
        "\ufeff" + GLOVE,
        "\ufeff3 2\n" + GLOVE,
        GLOVE + "\n\n",
        gzip.compress(GLOVE.encode(), mtime=0),
    ],
    ids=["glove", "header", "no last line end", "trailing spaces", "both", "crlf", "bom", "bom and header",
         "empty lines", "gzip"],
)  # fmt: skip
def test_all_dialects_give_the_same_table(load, content) -> None:
    vectors = load(content)
    assert list(vectors) == ["the", "king", "queen"]
    np.testing.assert_array_equal(vectors.vectors, np.array([[0.1, -2e-3], [1, 2], [3, 4]], np.float32))


def test_words_are_taken_as_they_stand(load) -> None:
    words = ['"', "NA", "null", "'", "\u2028", "\x85", "a\xa0b", "007", "#", "\\n", "🙂", "nan", "مرحبا"]
    vectors = load("".join(f"{word} {row} 1\n" for row, word in enumerate(words)))
    assert list(vectors) == words
    assert vectors["nan"].tolist() == [11, 1]


def test_a_byte_order_mark_belongs_to_the_file_not_to_a_word(load) -> None:
    assert list(load("1 2\n\ufeffa 1 2\n")) == ["\ufeffa"]
    assert list(load("\ufeffa 1 2\n\ufeffa 1 2\n")) == ["a", "\ufeffa"]


def test_words_with_spaces_inside(load) -> None:
    vectors = load("a 1 2\n. . 3 4\nat name@domain.com 5 6\n")
    assert list(vectors) == ["a", ". .", "at name@domain.com"]
    assert vectors[". ."].tolist() == [3, 4]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs")), min_size=1, max_size=5),
        min_size=1,
        unique=True,
    ),
    st.integers(1, 4),
    st.integers(0, 2**32 - 1),
)
def test_what_was_written_is_read(tmp_path_factory, words, dim, seed) -> None:
    table = np.random.default_rng(seed).normal(size=(len(words), dim)).astype(np.float32)
    rows = [" ".join([word, *map(str, row)]) for word, row in zip(words, table.tolist(), strict=True)]
    path = tmp_path_factory.getbasetemp() / "round.vec"
    path.write_text("\n".join([f"{len(words)} {dim}", *rows]), encoding="utf-8", newline="\n")
    vectors = WordVectors.load(path)
    assert list(vectors) == words
    np.testing.assert_array_equal(vectors.vectors, table)


def test_pieces_cut_anywhere_give_the_same_table(load, monkeypatch) -> None:
    content = "\n".join(["9 3", *[f"w{row} {row} {row * 0.5} -1" for row in range(8)], "odd one 1 2 3"])
    whole = load(content)
    for size in (30, 31, 47, 64):
        monkeypatch.setattr(text_format, "PIECE", size)
        again = load(content)
        assert list(again) == list(whole)
        np.testing.assert_array_equal(again.vectors, whole.vectors)


LONG = "".join(f"w{row} {row} 1\n" for row in range(3000))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "is empty"),
        ("\n", "line 1: expected a word and numbers"),
        ("word\n", "line 1: expected a word and numbers"),
        ("2 3\n", "line 2: expected a word and numbers"),
        ("a\t1\t2\n", "line 1: expected a word and numbers, separated by single spaces"),
        ("a 1 2\nb 3\n", "line 2: 1 numbers after the word, expected 2"),
        (LONG + "x 1 2 3\n" + LONG, "line 3001: 3 numbers after the word, expected 2"),
        ("3 2\n" + LONG.replace("w7 7 1", "w7 7"), "line 9: 1 numbers"),
        ("a 1 2\nb x 4\n", "line 2, word 'b': could not convert string to float: 'x'"),
        ("a 1 2\nb 3 nan\n", "line 2, word 'b': number 2 is nan"),
        ("a 1 2\n\nb inf 3\n", "line 3, word 'b': number 1 is inf"),
        ("a 1 2\nb 1e39 3\n", "number 1 is 1e39, not a finite float32"),
        ("a 1 2\n 3 4\n", "line 2: no word"),
        ("a 1 2\nb 1 2\na 3 4\n", "duplicate word 'a': rows 0 and 2"),
        (b"a 1 2\nb\xff 3 4\n", "line 2: byte 7 is not valid UTF-8 .0xff."),
        (b"\xef\xbb\xbfa\xff 3 4\n", "line 1: byte 4 is not valid UTF-8"),
        (b"2 2\na 1 2\nb\xc3 3 4\n", "line 3: byte 11 is not valid UTF-8"),
        ("4 2\n" + GLOVE, "promises 4 words but 3 follow"),
        ("2 2\n" + GLOVE, "promises 2 words but 3 follow"),
        ("3 3\n" + GLOVE, "promises 3 dimensions but line 2 has 2 numbers"),
        ("999999999999999999 2\n" + GLOVE, "promises 999,999,999,999,999,999 words but 3"),
        ("3 999999999999999999\n" + GLOVE, "promises 999999999999999999 dimensions"),
        ("9" * 5000 + " 2\n" + GLOVE, "line 2: 2 numbers after the word, expected 1"),
        (gzip.compress(GLOVE.encode(), mtime=0)[:-10], "gzip stream is damaged or truncated"),
        (gzip.compress(GLOVE.encode(), mtime=0)[:12] + b"garbage" * 9, "gzip stream is damaged or truncated"),
        ("a 1 2\n" + "b" * (17 << 20), "line 2: longer than 4 MB"),
    ],
)
def test_damage_is_named(load, content, match) -> None:
    with pytest.raises(FormatError, match=match):
        load(content)


def test_a_wide_first_line_does_not_allocate_for_every_short_one(load) -> None:
    """A million lines of ten thousand numbers would be 40 GB."""
    with pytest.raises(FormatError, match="line 2: 1 numbers after the word, expected 10000"):
        load("a" + " 1" * 10_000 + "\n" + "b 1\n" * 1_000_000)


@pytest.mark.parametrize(
    "raw", [b"caf\xe9 1 2\ncaf\xe8 3 4\ntea 5 6\n", b"3 2\ncaf\xe9 1 2\ncaf\xe8 3 4\ntea 5 6\n"]
)
def test_words_that_are_not_utf8_are_replaced_and_counted(tmp_path, raw) -> None:
    path = tmp_path / "v.vec"
    path.write_bytes(raw)
    with pytest.raises(FormatError, match="not valid UTF-8"):
        WordVectors.load(path)
    vectors = WordVectors.load(path, undecodable="replace")
    assert list(vectors.words) == ["caf\ufffd", "tea"]
    assert vectors.vectors.tolist() == [[1, 2], [5, 6]]
    assert vectors.replaced == 2


NUMBERS = st.one_of(
    st.floats(-1e6, 1e6).map(repr),
    st.floats(-1, 1, width=32).map(lambda x: f"{x:.6g}"),
    st.sampled_from(["0", "-0.0", "1e5", "-1.5E-07", "+2", "3.", ".5", "123456789012345678901", "1e-30"]),
)


@given(
    st.lists(
        st.tuples(st.text("abß日́\ufeff-.09", min_size=1, max_size=4), NUMBERS, NUMBERS),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["\n", "\r\n", " \n"]),
)
def test_the_kernel_reads_as_python_does(rows, line_end) -> None:
    from cutaway.embeddings.formats.text_kernels import TENS, parse_rows

    raw = "".join(f"{word} {a} {b}{line_end}" for word, a, b in rows).encode()
    vectors = np.zeros((len(rows), 2), np.float32)
    text, ends = np.zeros(len(raw), np.uint8), np.zeros(len(rows) + 1, np.int32)
    found = parse_rows(np.frombuffer(bytearray(raw), np.uint8), TENS, vectors, text, ends)
    if found < 0:  # left to the slower readers
        return
    assert found == len(rows)
    assert vectors.tolist() == np.array([[float(a), float(b)] for _, a, b in rows], np.float32).tolist()
    whole = bytes(text)
    assert [whole[a:b].decode() for a, b in pairwise(ends)] == [word for word, _, _ in rows]


@pytest.mark.parametrize(
    "row",
    ["a 1", "a 1 2 3", "a  1 2", " 1 2", "a 1 x", "a 1 --2", "a 1 .", "a 1 1e", "a 1 nan", "a b 1 2", ""],
)
def test_the_kernel_leaves_the_unusual_to_others(row) -> None:
    from cutaway.embeddings.formats.text_kernels import TENS, parse_rows

    raw = np.frombuffer(bytearray(f"ok 1 2\n{row}\nok 1 2\n".encode()), np.uint8)
    text, ends = np.zeros(len(raw), np.uint8), np.zeros(4, np.int32)
    assert parse_rows(raw, TENS, np.zeros((3, 2), np.float32), text, ends) == -1


def test_a_large_file_is_read_as_a_small_one(tmp_path, monkeypatch) -> None:

    rng = np.random.default_rng(0)
    lines = [f"w{row} " + " ".join(f"{x:.5g}" for x in rng.normal(size=5)) for row in range(3000)]
    lines[1700] = "two words 1 2 3 4 5"
    path = tmp_path / "v.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    small = WordVectors.load(path)
    monkeypatch.setattr(text_format, "PIECE", 10_000)
    monkeypatch.setattr(text_format, "SMALL_FILE", 0)
    large = WordVectors.load(path)
    assert list(large.words) == list(small.words)
    assert (large.vectors == small.vectors).all()
    path.write_text("\n".join([*lines[:2500], "w2500 1 2 3 4", *lines[2501:]]), encoding="utf-8")
    with pytest.raises(FormatError, match="line 2501: 4 numbers after the word, expected 5"):
        WordVectors.load(path)
