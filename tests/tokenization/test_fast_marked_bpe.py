"""Compiled byte pairs over ▁: the ids of the open path, for model files and for tokenizer.json."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokenization.test_families import FRAGMENTS, hard_texts
from tests.tokenization.test_families import ours as family
from tests.tokenization.test_sentencepiece_files import ours as model_file

from cutaway.tokenization.models.bpe import BytePairEncoding, BytePairSettings
from cutaway.tokenization.models.fast_marked_bpe import FastMarkedPairs
from cutaway.tokenization.normalizers.replace import Replace
from cutaway.tokenization.patterns import Pattern
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.metaspace import Metaspace
from cutaway.tokenization.tokenizer import Tokenizer

MODEL_FILES = ("bpe", "bpe with bytes", "characters")
FAMILIES = ("llama2", "mistral")


def assert_alike(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert isinstance(tokenizer.fast, FastMarkedPairs)
    batch = tokenizer.encode_batch(texts, threads=1)
    assert [row.tolist() for row in batch] == [tokenizer.encode(text).ids for text in texts]


@pytest.mark.parametrize("name", MODEL_FILES)
def test_model_file_is_encoded_alike_on_both_paths(name: str) -> None:
    assert_alike(model_file(name), hard_texts(11, 200))


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_encoded_alike_on_both_paths(name: str) -> None:
    assert_alike(family(name), hard_texts(12, 200))


@given(text=st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), max_size=12).map("".join))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("name", [*MODEL_FILES, *FAMILIES])
def test_any_text_is_encoded_alike(name: str, text: str) -> None:
    assert_alike(model_file(name) if name in MODEL_FILES else family(name), [text, text * 3])


@given(
    merges=st.lists(
        st.tuples(st.text("ab▁", min_size=1, max_size=2), st.text("ab▁", min_size=1, max_size=2))
    ),
    texts=st.lists(st.text("ab é", max_size=40), max_size=4),
    splitter=st.sampled_from([None, Metaspace(), Metaspace(prepend_scheme="never", cuts=False)]),
)
@settings(max_examples=150, deadline=None)
def test_any_merges_give_the_ids_of_the_open_path(
    merges: list[tuple[str, str]], texts: list[str], splitter: Metaspace | None
) -> None:
    known = {"<unk>", "a", "b", "▁"}
    usable = []
    for left, right in dict.fromkeys(merges):
        if {left, right} <= known and left + right not in known:
            usable.append((left, right))
            known.add(left + right)
    vocabulary = {piece: at for at, piece in enumerate(sorted(known))}
    settings_ = BytePairSettings(unknown="<unk>", unknowns="together")
    model = BytePairEncoding(vocabulary, usable, settings_)
    marked = Replace(pattern=Pattern(text=" "), content="▁")
    assert_alike(Tokenizer(Pipeline(model=model, normalizer=marked, splitter=splitter)), [*texts, *texts])
