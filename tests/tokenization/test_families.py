"""Every family's tokenizer.json: ids, tokens, offsets, words, segments and decoding of the reference library."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokenization.families import FAMILIES

from cutaway.tokenization.tokenizer import Tokenizer

FRAGMENTS = [
    *"aeiost THN.,'`\"\n\r\t  12½①ﬁéΣσ日本각각가ｱか\u3099\u0301\u200d\u200b\u00a0\u3000\ufffd\u00ad\0😀👩🚀▁",
    *("the", "'ll", "cat", "cat s", "Sat", "didn't", "Привет", "\n\n", "    ", "▁▁▁▁", "\x19"),
    *("<s>", "<mask>", " <mask> ", "[MASK]", "[mask]", "<|endoftext|>", "<unk>", "<0x41>", "<extra_id_0>"),
    *("[X]", " [X]  ", "<tool_call>", "<start_of_turn>"),
]
LOSSLESS = ("gpt2", "llama3", "gemma")


@cache
def reference(family: str) -> Any:
    return FAMILIES[family]()


@cache
def ours(family: str) -> Tokenizer:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        reference(family).save(str(path))
        return Tokenizer.load(path)


def assert_equal(family: str, text: str, pair: str | None = None) -> None:
    theirs, found = reference(family).encode(text, pair), ours(family).encode(text, pair=pair)
    assert found.ids == theirs.ids
    assert found.tokens == theirs.tokens
    assert found.offsets == theirs.offsets
    assert (found.word_ids, found.type_ids) == (theirs.word_ids, theirs.type_ids)
    assert found.text_ids == theirs.sequence_ids
    # The reference names a special token that is matched after normalization by its normalized form.
    if family != "albert" or "[mask]" not in "".join(theirs.tokens):
        assert ours(family).decode(found.ids) == reference(family).decode(theirs.ids)
        whole = reference(family).decode(theirs.ids, skip_special_tokens=False)
        assert ours(family).decode(found.ids, special=True) == whole


def hard_texts(seed: int, count: int) -> list[str]:
    choose = random.Random(seed)
    texts = ["".join(choose.choices(FRAGMENTS, k=choose.randint(0, 25))) for _ in range(count)]
    ranges = [(0, 0x3000), (0x3000, 0xD800), (0xE000, 0x110000), (0x10000, 0x20000)]
    texts += [
        "".join(chr(choose.randrange(*choose.choice(ranges))) for _ in range(20)) for _ in range(count // 3)
    ]
    return [*texts, "the" * 60, "x" * 400, "é" * 101, "日" * 120, "a\r", "\r", " ", ""]


@pytest.mark.parametrize("family", FAMILIES)
def test_family_equals_the_reference(family: str) -> None:
    texts = hard_texts(7, 450)
    for at, text in enumerate(texts):
        assert_equal(family, text, texts[-1 - at] if at % 3 == 0 else None)


@given(text=st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=12).map("".join))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("family", FAMILIES)
def test_family_equals_the_reference_on_any_text(family: str, text: str) -> None:
    assert_equal(family, text.encode("utf-8", "replace").decode("utf-8"))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_written_loads_in_the_reference(family: str, tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Reference

    path = tmp_path / "tokenizer.json"
    ours(family).save(path)
    back, again = Reference.from_file(str(path)), Tokenizer.load(path)
    for text in hard_texts(11, 40):
        theirs = reference(family).encode(text)
        assert back.encode(text).ids == theirs.ids
        assert again.encode(text).offsets == theirs.offsets
    assert json.loads(path.read_text())["model"]["type"] == type(reference(family).model).__name__


@pytest.mark.parametrize("family", FAMILIES)
def test_batches_equal_single_texts(family: str) -> None:
    texts = hard_texts(3, 300)
    for special in (True, False):
        batch = ours(family).encode_batch(texts, special=special, threads=2)
        assert [row.tolist() for row in batch] == [
            ours(family).encode(text, special=special).ids for text in texts
        ]


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("family", LOSSLESS)
def test_lossless_models_give_the_text_back(family: str, text: str) -> None:
    tokenizer = ours(family)
    ids = tokenizer.encode(text, special=False).ids
    assert tokenizer.decode(ids, special=True) == text
    assert "".join(tokenizer.decode_stream(ids, special=True)) == text


@pytest.mark.parametrize("family", FAMILIES)
def test_trace_ends_in_the_tokens(family: str) -> None:
    for text in hard_texts(5, 20):
        trace = ours(family).trace(text)
        assert trace.table("tokens").column("id") == ours(family).encode(text, special=False).ids


@pytest.mark.data
@pytest.mark.parametrize("family", FAMILIES)
def test_family_equals_the_reference_on_reviews(family: str, data_folder: Path) -> None:
    import pyarrow.parquet as pq

    texts = pq.read_table(data_folder / "imdb" / "train.parquet", columns=["text"])["text"].to_pylist()
    for text in texts[::1500]:
        assert_equal(family, text)
