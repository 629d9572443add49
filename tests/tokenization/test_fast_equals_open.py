"""The compiled path gives the ids of the open path, whatever the text, the limit and the vocabulary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutaway.core.errors import DataError, ShapeError, UsageError
from cutaway.tokenization.batch import Batch
from cutaway.tokenization.bert import bert_pipeline
from cutaway.tokenization.models import blocks
from cutaway.tokenization.models import fast_wordpiece as fast
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.tokenization.vocabulary import BertVocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
fragments = st.sampled_from(
    [
        "the",
        "LLMs",
        "[MASK]",
        "[CLS]",
        "\u0301",
        "\u302e",
        "\U0001d165",
        "각",
        "日",
        "≠",
        "\0",
        " ",
        "\ud800",
        "!",
    ]
)
any_text = st.lists(fragments | st.text(max_size=5), max_size=12).map("".join)


def open_ids(tokenizer: Tokenizer, texts: list[str], **options: bool | int | None) -> list[list[int]]:
    return [tokenizer.encode(text, **options).ids for text in texts]  # type: ignore[arg-type]


@given(texts=st.lists(any_text, max_size=6), special=st.booleans(), most=st.none() | st.integers(2, 9))
@settings(max_examples=400, deadline=None)
def test_batch_equals_single(texts: list[str], special: bool, most: int | None, tokenizer: Tokenizer) -> None:
    batch = tokenizer.encode_batch(texts, special=special, max_tokens=most, threads=1)
    assert [row.tolist() for row in batch] == open_ids(tokenizer, texts, special=special, max_tokens=most)
    assert batch.ids.dtype == np.int32
    assert batch.row_starts.dtype == np.int64


small_pieces = st.text("abé日각\u302e", min_size=1, max_size=20)


@given(
    starts=st.lists(small_pieces, unique=True, max_size=12),
    inner=st.lists(small_pieces, unique=True, max_size=12),
    texts=st.lists(st.text("abABé日각\u302e \u0301!", max_size=40), max_size=4),
)
@settings(max_examples=250, deadline=None)
def test_batch_equals_single_with_any_vocabulary(
    starts: list[str], inner: list[str], texts: list[str]
) -> None:
    tokenizer = Tokenizer(
        bert_pipeline(BertVocabulary([*SPECIAL, *starts, *(f"##{piece}" for piece in inner)]))
    )
    batch = tokenizer.encode_batch(texts, threads=1)
    assert [row.tolist() for row in batch] == open_ids(tokenizer, texts)
    for text in texts:  # the trace looks up pieces of any length
        assert tokenizer.trace(text).table("tokens").column("id") == tokenizer.encode(text, special=False).ids


def test_rows_keep_their_order_over_blocks_and_threads(
    monkeypatch: pytest.MonkeyPatch, torture: list[str], tokenizer: Tokenizer
) -> None:
    whole = tokenizer.encode_batch(torture, threads=1)
    monkeypatch.setattr(blocks, "BLOCK", 500)
    parts = tokenizer.encode_batch(torture, threads=3)
    assert np.array_equal(parts.ids, whole.ids)
    assert np.array_equal(parts.row_starts, whole.row_starts)
    assert parts.row_starts[-1] == len(parts.ids)


def test_words_that_share_a_place_of_the_memory_keep_their_own_ids(
    monkeypatch: pytest.MonkeyPatch, torture: list[str], tokenizer: Tokenizer
) -> None:
    texts = [*torture, *(f"unaffable{letter}{other}" for letter in "abcdefgh" for other in "ijklmnop")] * 2
    whole = tokenizer.encode_batch(texts, threads=1)
    monkeypatch.setattr(fast, "MEMORY", 4)
    assert np.array_equal(tokenizer.encode_batch(texts, threads=1).ids, whole.ids)
    assert [row.tolist() for row in whole] == open_ids(tokenizer, texts)


def test_row_is_a_view_and_padding_fills_the_end(tokenizer: Tokenizer) -> None:
    batch = tokenizer.encode_batch(["LLMs", "", "I love it"])
    assert np.shares_memory(batch[2], batch.ids)
    assert batch[-1].tolist() == batch[2].tolist()
    ids, mask = batch.padded(9)
    assert ids.tolist() == [[101, 2222, 5244, 102, 9], [101, 102, 9, 9, 9], [101, 1045, 2293, 2009, 102]]
    assert mask.sum(axis=1).tolist() == [4, 2, 5]
    assert ids.dtype == np.int64
    with pytest.raises(ShapeError, match="row 3 is outside the batch of 3 rows"):
        batch[3]


def test_empty_batch_has_no_rows(tokenizer: Tokenizer) -> None:
    batch = tokenizer.encode_batch([])
    assert (len(batch), batch.ids.size, batch.row_starts.tolist()) == (0, 0, [0])
    assert batch.padded()[0].shape == (0, 0)
    assert isinstance(batch, Batch)


def test_wrong_arguments_are_named(tokenizer: Tokenizer) -> None:
    with pytest.raises(UsageError, match="one string"):
        tokenizer.encode_batch("one text")
    with pytest.raises(DataError, match="row 1 is NoneType"):
        tokenizer.encode_batch(["a", None])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="threads is 0"):
        tokenizer.encode_batch(["a"], threads=0)
    with pytest.raises(UsageError, match="max_tokens is 1"):
        tokenizer.encode("a", max_tokens=1)
    with pytest.raises(UsageError, match="max_tokens is -1"):
        tokenizer.encode_batch(["a"], special=False, max_tokens=-1)
