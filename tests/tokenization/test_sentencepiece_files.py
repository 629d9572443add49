"""SentencePiece .model files: the ids of the library that made them, read and written back."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oracles.sentencepiece_proto import member, members
from tests.tokenization.families import TEXTS, sentencepiece_model
from tests.tokenization.test_families import FRAGMENTS, hard_texts

from cutaway.core.errors import FormatError
from cutaway.tokenization.tokenizer import Tokenizer

KEPT = {
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "add_dummy_prefix": False,
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "unigram": ("unigram", {}),
    "bpe": ("bpe", {}),
    "unigram with bytes": ("unigram", {"byte_fallback": True, "vocab_size": 700}),
    "bpe with bytes": (
        "bpe",
        {"byte_fallback": True, "vocab_size": 800, "user_defined_symbols": "<sep>,cat s,▁▁", **KEPT},
    ),
    "unigram over spaces": ("unigram", {"user_defined_symbols": "<sep>,the", "split_by_whitespace": False}),
    "bpe with suffixes": ("bpe", {"split_by_whitespace": False, "treat_whitespace_as_suffix": True}),
    "characters": ("char", {}),
}


@cache
def raw_of(name: str) -> bytes:
    kind, options = MODELS[name]
    return sentencepiece_model(kind, **options)


@cache
def reference(name: str) -> Any:
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_proto=raw_of(name))


@cache
def ours(name: str) -> Tokenizer:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.model"
        path.write_bytes(raw_of(name))
        return Tokenizer.load(path)


@pytest.mark.parametrize("name", MODELS)
def test_ids_and_decoding_equal_the_reference(name: str) -> None:
    for text in [*hard_texts(13, 400), *TEXTS, "<sep> cat sat<sep>the"]:
        ids = reference(name).encode(text)
        assert ours(name).encode(text).ids == ids
        assert ours(name).decode(ids, special=True) == reference(name).decode(ids)


@given(text=st.lists(st.sampled_from([*FRAGMENTS, "<sep>"]) | st.text(max_size=4), max_size=12).map("".join))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("name", MODELS)
def test_ids_equal_the_reference_on_any_text(name: str, text: str) -> None:
    text = text.encode("utf-8", "replace").decode("utf-8")
    assert ours(name).encode(text).ids == reference(name).encode(text)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_means_the_same_to_the_reference(name: str, tmp_path: Path) -> None:
    import sentencepiece

    path = tmp_path / "again.model"
    ours(name).save(path)
    theirs, again = sentencepiece.SentencePieceProcessor(model_file=str(path)), Tokenizer.load(path)
    for text in [*hard_texts(17, 60), *TEXTS]:
        ids = reference(name).encode(text)
        assert theirs.encode(text) == ids
        assert again.encode(text).ids == ids
    kinds = [
        dict(members(part)).get(3, 1)
        for number, part in members(path.read_bytes())
        if number == 1 and isinstance(part, bytes)
    ]
    before = [
        dict(members(part)).get(3, 1)
        for number, part in members(raw_of(name))
        if number == 1 and isinstance(part, bytes)
    ]
    assert kinds == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[: len(raw) // 2], "is cut short: byte"),
        (lambda raw: b"", "has no pieces"),
        (lambda raw: b"\x0b" + raw, "no wire type 3"),
        (lambda raw: b"\xff" * 30, "a number does not end"),
        (lambda raw: raw + b"\x12\x02\x18\x07", "model_type 7 is not supported|is cut short"),
        (lambda raw: raw.replace(b"<unk>", b"<u\xffk>"), "piece 0: field 1 is not UTF-8"),
        (lambda raw: b"\x0a\x05\x0a\x01a\x18\x01", "has 0 pieces for the unknown"),
    ],
)
def test_damaged_file_is_refused(damage: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.model"
    path.write_bytes(damage(raw_of("bpe")))
    with pytest.raises(FormatError, match=message):
        Tokenizer.load(path)


def test_other_tokenizers_are_not_written_as_model_files(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds SentencePiece's own normalizer"):
        tokenizer.save(tmp_path / "bert.model")
    assert not (tmp_path / "bert.model").exists()
    assert member(raw_of("bpe"), 2)
