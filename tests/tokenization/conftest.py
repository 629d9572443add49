"""The tokenizer under test, the reference beside it, and text that is hard on both."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.tokenizer import Tokenizer

_WORDS = ["i", "love", "learning", "LLMs", "Transformers", "unaffable", "naïve", "ﬁne", "Ångström", "don't"]
_SPECIAL = ["[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[mask]", "[MASK", "MASK]", "[[MASK]]", "[MA\0SK]"]
_SPACES = [
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\x0b",
    "\x85",
    "\u00a0",
    "\u2028",
    "\u3000",
    "\u200b",
    "\u200d",
    "\ufeff",
]
_ODD = [
    "각",
    "힣",
    "日本",
    "か\u3099",
    "≠",
    "\u037e",
    "İ",
    "ß",
    "Σς",
    "\u1e9e",
    "\u0344",
    "\u0958",
    "\U0001d15e",
    "🧑🏽‍💻",
]
_MARKS = [
    "\u0301",
    "\u0323",
    "\u034f",
    "\u302e",
    "\u1ab0",
    "\u1df6",
    "\U0001d165",
    "\U0001d16e",
    "\U00011f41",
]
_RTL = [
    "שָׁלוֹם",
    "مَرْحَبًا",
    "\u202eabc",
    "\ufffd",
    "\0",
    "\x7f",
    "\ue000",
    "\U000e0001",
    "\U0010ffff",
    "\U00020000",
]
FRAGMENTS = [*_WORDS, *_SPECIAL, *_SPACES, *_ODD, *_MARKS, *_RTL]

any_char = st.characters(exclude_categories=["Cs"])
hard_text = st.lists(st.sampled_from(FRAGMENTS) | st.text(any_char, max_size=4), max_size=12).map("".join)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.load("bert-base-uncased")


@pytest.fixture(scope="session")
def reference(minilm_folder: Path) -> Any:
    """The reference implementation with the same vocabulary, neither cutting nor padding."""
    from tokenizers import Tokenizer as Reference

    found = Reference.from_file(str(minilm_folder / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


@pytest.fixture(scope="session")
def torture() -> list[str]:
    """2,500 strings: every plane, marks in every order, Hangul, emoji, special tokens, long words."""
    choose = random.Random(20)
    characters = bert_characters()
    sorted_marks = [
        chr(code)
        for first, last, _ in characters.combining.rows
        for code in range(first, last + 1)
        if characters[chr(code)].becomes
    ]
    pools = [
        [chr(code) for code in range(0x20, 0x180)],
        [chr(code) for code in range(0x300, 0x370)] + ["a", "é"],
        [chr(code) for code in range(0xAC00, 0xD7A4, 7)] + [chr(code) for code in range(0x1100, 0x1200)],
        [chr(code) for code in range(0x3040, 0x3100)] + ["日", "\u3099"],
        [*sorted_marks, "a", "\u0323", "\u034f", "\u0301"],
        [chr(code) for code in range(0xE000, 0x110000, 61)],
        [chr(code) for code in range(0xD800) if code % 3 == 0],
        FRAGMENTS,
    ]
    texts = ["".join(choose.choices(choose.choice(pools), k=choose.randint(1, 30))) for _ in range(2400)]
    texts += ["".join(choose.choices("abcdefghij", k=length)) for length in range(80, 120)]
    texts += [
        "é" * 100,
        "é" * 101,
        "각" * 34,
        "가" * 50,
        "가" * 51,
        "x" * 10_000,
        "\u0301" * 300,
        "",
        " ",
        "#",
        "##a",
    ]
    return texts + ["a" * k + "[MASK]" * k for k in range(1, 60)]
