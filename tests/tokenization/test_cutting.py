"""Words cut sixty-four bytes at a time are the words of the pattern."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.tokenization.kernels import cutting
from cutaway.tokenization.kernels.scan import LEAD
from cutaway.tokenization.kernels.tokens import PACKED
from cutaway.tokenization.models.scanner import class_table, rule_numbers
from cutaway.tokenization.splitters.patterns import KNOWN, split_by_pattern

# What the masks tell apart, and what only kernels/scan.py can cut.
PIECES = [" ", "a", "Z", ".", "word", " The", "'s", "'LL", "'", "  ", "<br />", "_", "camelCase", " (he"]
PIECES += ["1", "é", "\n", "\t", "中", "/", "\u0301", "2024", "\x00", "\x7f", " x" * 40, "x" * 70, " " * 70]


def cut(texts: list[str], pattern: str) -> list[list[str]]:
    spelled = [text.encode() for text in texts]
    content = np.frombuffer(b"".join(spelled) + bytes(cutting.PADDING), np.uint8)
    bounds = np.cumsum([0, *map(len, spelled)])
    words, firsts = np.empty(len(content), np.int32), np.empty(len(texts) + 1, np.int64)
    rules = rule_numbers(KNOWN[pattern])
    count, long = cutting.scan(content, (bounds[:-1], bounds[1:]), class_table(), rules, words, firsts)
    starts = [0, *words[:count].tolist()]
    found = [bytes(content[start:end]) for start, end in pairwise(starts)]
    assert count == firsts[-1]
    assert long == sum(len(word) > PACKED and max(word) >= LEAD for word in found)
    return [[word.decode() for word in found[first:last]] for first, last in pairwise(firsts.tolist())]


@pytest.mark.parametrize("pattern", KNOWN)
@given(texts=st.lists(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), max_size=4))
@settings(max_examples=150, deadline=None)
def test_words_are_those_of_the_pattern(pattern: str, texts: list[str]) -> None:
    expected = [[text[start:end] for start, end in split_by_pattern(text, pattern)] for text in texts]
    assert cut(texts, pattern) == expected


@pytest.mark.parametrize("pattern", KNOWN)
def test_whatever_of_ascii_stands_side_by_side_is_cut_as_the_pattern_says(pattern: str) -> None:
    choose = random.Random(4)
    ascii_ = "".join(map(chr, range(128))) + " " * 40 + "aZ.'" * 10
    texts = ["".join(choose.choices(ascii_, k=300)) for _ in range(300)]
    expected = [[text[start:end] for start, end in split_by_pattern(text, pattern)] for text in texts]
    assert cut(texts, pattern) == expected
