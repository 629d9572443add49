"""The ids and offsets of the reference implementation, on hard text and on every character."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.tokenization.aligned import AlignedText
from cutaway.tokenization.normalizers.bert import normalize
from cutaway.tokenization.tokenizer import Tokenizer

CODE_POINTS = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
_PER_TEXT = 256


def hard_text() -> st.SearchStrategy[str]:
    fragments = st.sampled_from(
        ["a", "LLMs", "[MASK]", "\u0301", "\u302e", "\U0001d165", "각", "日", "≠", "\0", " "]
    )
    return st.lists(fragments | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)).map("".join)


def differing(texts: list[str], tokenizer: Tokenizer, reference: Any) -> list[str]:
    """Return the texts of which any part of the open path's encoding is not the reference's."""
    found = []
    for text, theirs in zip(texts, reference.encode_batch(texts), strict=True):
        ours = tokenizer.encode(text)
        same = ours.ids == theirs.ids and ours.tokens == theirs.tokens and ours.offsets == theirs.offsets
        if not same or ours.word_ids != theirs.word_ids or ours.type_ids != theirs.type_ids:
            found.append(text)
    return found


@pytest.fixture(scope="module")
def every_character() -> list[str]:
    """Each code point within a word and alone, many to a text."""
    blocks = [CODE_POINTS[at : at + _PER_TEXT] for at in range(0, len(CODE_POINTS), _PER_TEXT)]
    return [" ".join(f"a{char}b {char}" for char in block) for block in blocks]


def test_normalizer_equals_the_reference_on_every_character() -> None:
    from tokenizers.normalizers import BertNormalizer

    theirs = BertNormalizer()
    blocks = ["a".join(CODE_POINTS[at : at + _PER_TEXT]) for at in range(0, len(CODE_POINTS), _PER_TEXT)]
    assert [
        block for block in blocks if normalize(AlignedText.of(block)).text != theirs.normalize_str(block)
    ] == []


def test_both_paths_equal_the_reference_on_every_character(
    every_character: list[str], tokenizer: Tokenizer, reference: Any
) -> None:
    theirs = [encoding.ids for encoding in reference.encode_batch(every_character)]
    assert [row.tolist() for row in tokenizer.encode_batch(every_character)] == theirs
    assert differing(every_character[::8], tokenizer, reference) == []


def test_both_paths_equal_the_reference_on_the_torture_set(
    torture: list[str], tokenizer: Tokenizer, reference: Any
) -> None:
    assert len(torture) > 2500
    assert differing(torture, tokenizer, reference) == []
    theirs = [encoding.ids for encoding in reference.encode_batch(torture)]
    assert [row.tolist() for row in tokenizer.encode_batch(torture)] == theirs


@given(text=hard_text())
@settings(max_examples=400, deadline=None)
def test_open_path_equals_the_reference(text: str, tokenizer: Tokenizer, reference: Any) -> None:
    assert differing([text], tokenizer, reference) == []


@given(text=hard_text(), most=st.integers(2, 8))
@settings(max_examples=100, deadline=None)
def test_cut_encoding_equals_the_reference(
    text: str, most: int, tokenizer: Tokenizer, reference: Any
) -> None:
    reference.enable_truncation(most)
    try:
        theirs = reference.encode(text)
    finally:
        reference.no_truncation()
    ours = tokenizer.encode(text, max_tokens=most)
    assert (ours.ids, ours.offsets) == (theirs.ids, theirs.offsets)


@given(ids=st.lists(st.integers(0, 30521), max_size=30))
@settings(max_examples=300, deadline=None)
def test_decode_equals_the_reference(ids: list[int], tokenizer: Tokenizer, reference: Any) -> None:
    assert tokenizer.decode(ids) == reference.decode(ids)
    assert tokenizer.decode(ids, special=True) == reference.decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize(
    "text", ["I don't, do not! It's what we've got (yes?).", "Hello , world . [MASK] naïve"]
)
def test_decode_of_encode_equals_the_reference(text: str, tokenizer: Tokenizer, reference: Any) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids) == reference.decode(reference.encode(text).ids)


@pytest.mark.data
def test_ids_equal_the_reference_on_every_training_review(
    data_folder: Path, tokenizer: Tokenizer, reference: Any
) -> None:
    import pyarrow.parquet as pq

    texts = pq.read_table(data_folder / "imdb" / "train.parquet", columns=["text"])["text"].to_pylist()
    assert len(texts) == 25_000
    ours = tokenizer.encode_batch(texts, threads=2)
    for first in range(0, len(texts), 1000):
        theirs = reference.encode_batch_fast(texts[first : first + 1000])
        wrong = [first + at for at, row in enumerate(theirs) if row.ids != ours[first + at].tolist()]
        assert wrong == []
