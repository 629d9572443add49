"""Bytes and characters as tokens: what is lossless, and what a batch gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import DataError
from cutaway.tokenization.baselines import bytes_pipeline, characters_pipeline
from cutaway.tokenization.tokenizer import Tokenizer


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=150, deadline=None)
def test_bytes_are_ids_and_give_the_text_back(text: str) -> None:
    tokenizer = Tokenizer(bytes_pipeline())
    assert tokenizer.encode(text).ids == list(text.encode())
    assert tokenizer.encode_batch([text]).ids.tolist() == list(text.encode())
    assert tokenizer.decode(text.encode()) == text


@given(text=st.text("abc é日", max_size=30), other=st.text(max_size=10))
@settings(max_examples=150, deadline=None)
def test_known_characters_give_the_text_back(text: str, other: str) -> None:
    tokenizer = Tokenizer(characters_pipeline(["abc é日"]))
    assert tokenizer.decode(tokenizer.encode(text).ids, special=True) == text
    unknown = [char not in "abc é日" for char in other]
    assert [number == 0 for number in tokenizer.encode(other).ids] == unknown


def test_no_characters_are_refused() -> None:
    with pytest.raises(DataError, match="no characters"):
        characters_pipeline(["", ""])
