"""The byte-pair kernels by themselves: words side by side, looks at four places, seams."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.tokenization.formats.tiktoken import read_tiktoken
from cutaway.tokenization.kernels import bpe_merging, scan, seams, side_by_side, tokens
from cutaway.tokenization.models.bpe import BytePairEncoding
from cutaway.tokenization.models.bpe_tables import byte_pair_tables, seam_table, token_table
from cutaway.tokenization.models.fast_bpe import FastBytePairs
from cutaway.tokenization.tokenizer import Tokenizer

LETTERS = "abcàé日本語中国"


@cache
def trained() -> FastBytePairs:
    choose = random.Random(1)
    words = ["".join(choose.choices(LETTERS, k=choose.randint(1, 6))) for _ in range(300)]
    texts = [" ".join(choose.choices(words, k=40)) for _ in range(60)]
    fast = Tokenizer.train(texts, vocab_size=700).fast
    assert isinstance(fast, FastBytePairs)
    return fast


def padded(content: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(content + bytes(16), np.uint8)


@given(words=st.lists(st.text(LETTERS, max_size=5), min_size=1, max_size=side_by_side.LANES))
@settings(max_examples=300, deadline=None)
def test_words_side_by_side_merge_as_each_alone(words: list[str]) -> None:
    merging = trained()._tables[1]
    lanes = np.full(side_by_side.LANES * side_by_side.LANE, 12345, np.int32)
    spelled = [word.encode()[:15] for word in words]
    for lane, word in enumerate(spelled):
        side_by_side.begin(padded(word), 0, len(word), merging, lanes, lane)
    going = set(range(len(words)))
    while going:
        going = {lane for lane in going if side_by_side.merge_least(lanes, lane, *merging[:2])}
        for lane in going:
            side_by_side.take_ranks(lanes, lane, merging[0])
    out, alone = np.empty(16, np.int32), np.empty(16, np.int32)
    ranks = np.empty(bpe_merging.SHORT, np.int32)
    for lane, word in enumerate(spelled):
        size = side_by_side.written(lanes, lane, out, 0)
        after = bpe_merging.merge_word(padded(word), (0, len(word)), merging, ranks, alone, 0)
        assert out[:size].tolist() == alone[:after].tolist()


def test_four_places_at_once_find_what_one_by_one_finds() -> None:
    choose = random.Random(2)
    pairs = np.full(256, 0xFFFFFFFFFFFFFFFF, np.uint64)
    there = [
        (choose.randrange(50), choose.randrange(50)) for _ in range(200)
    ]  # full enough for long clusters
    for rank, (left, right) in enumerate(there):
        tokens.add_pair(pairs, left, right, rank)
    every = [(left, right) for left in range(50) for right in range(50)]
    one_by_one = [tokens.pair_rank(pairs, *pair) for pair in every]
    assert [tokens.rank_at_once(pairs, *pair) for pair in every] == one_by_one
    assert sum(rank != tokens.NO_RANK for rank in one_by_one) == len(set(there))


def test_tokens_that_no_merging_leads_to_are_not_words_though_ranks_do_not_grow() -> None:
    # "bc" takes the b before "ab" may: "abc" comes of "a" and "bc", "abd" of nothing, as "bd" comes first.
    ids = {piece: number for number, piece in enumerate(["a", "b", "c", "d", "ab", "bc", "abc", "bd", "abd"])}
    merges = [("ab", "d"), ("b", "c"), ("b", "d"), ("a", "b"), ("a", "bc")]
    model = BytePairEncoding(ids, merges)
    symbols = np.full(256, -1, np.int32)
    symbols[list(b"abcd")] = range(4)
    words, _, tiles = byte_pair_tables(
        model, {number: piece.encode() for piece, number in ids.items()}, symbols
    )
    assert len(tiles[1]) == 0
    there = {int(number) for number, high in zip(words[2::3], words[1::3], strict=True) if high}
    assert there == {number for piece, number in ids.items() if len(model.pieces(piece)) == 1}
    assert ids["abd"] not in there


@given(
    vocabulary=st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=12),
    text=st.text(LETTERS, min_size=6, max_size=30),
)
@settings(max_examples=300, deadline=None)
def test_a_seam_is_in_no_token(vocabulary: list[str], text: str) -> None:
    spelled = dict(enumerate(dict.fromkeys(token.encode() for token in vocabulary)))
    content = text.encode()
    table = seam_table(token_table(spelled))
    words, parts = np.array([len(content)], np.int32), np.empty(len(content), np.int32)
    firsts = np.array([0, 1])
    seams.cut_at_seams(padded(content), words, firsts, table, parts)
    cuts = set(parts[: firsts[1] - 1].tolist())
    inside = {
        at + k
        for token in spelled.values()
        for at in range(len(content))
        for k in range(1, len(token))
        if content.startswith(token, at)
    }
    assert not cuts & inside
    assert parts[firsts[1] - 1] == len(content)


def test_seams_are_found_where_characters_are_in_no_token_together() -> None:
    table = seam_table(token_table({0: "日本".encode(), 1: "語".encode()}))
    content = "日本語日本語日本".encode()
    words, parts = np.array([3, 3 + len(content)], np.int32), np.empty(64, np.int32)
    firsts = np.array([0, 1, 2])
    seams.cut_at_seams(padded(b"abc" + content), words, firsts, table, parts)
    assert firsts.tolist() == [0, 1, 6]
    assert parts[:6].tolist() == [3, 9, 12, 18, 21, 27]
    assert scan.has_lead(padded("ab日".encode()), 1, 5)
    assert not scan.has_lead(padded("ab日".encode()), 0, 2)


@pytest.mark.data
def test_long_words_of_many_scripts_have_the_ids_of_tiktoken(data_folder: Path) -> None:
    import tiktoken

    path = data_folder / "tokenizers" / "cl100k_base.tiktoken"
    file = read_tiktoken(path)
    reference = tiktoken.Encoding(
        "cl100k", pat_str=file.encoding.pattern, mergeable_ranks=dict(file.ranks), special_tokens={}
    )
    choose = random.Random(3)
    scripts = [range(0x4E00, 0x9F00), range(0xA1, 0x100), range(0x410, 0x450), range(0x3040, 0x3100)]
    scripts += [range(0xAC00, 0xD7A0), range(0x61, 0x7B), range(0x0E01, 0x0E3A), range(0x20000, 0x20100)]
    texts = ["".join(map(chr, choose.choices(script, k=3000))) for script in scripts]
    texts += ["".join(chr(choose.choice(choose.choice(scripts))) for _ in range(200)) for _ in range(200)]
    texts += ["的中国人民" * 300, "日本語の" * 300 + "é" * 300, "привет" * 200]
    batch = Tokenizer.load(path).encode_batch(texts)
    assert [row.tolist() for row in batch] == reference.encode_ordinary_batch(texts)
