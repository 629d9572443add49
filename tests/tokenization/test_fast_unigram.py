"""The compiled Unigram gives the ids of the open path, with rounding, with bytes and with unknown characters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokenization.families import TEXTS, sentencepiece_model
from tests.tokenization.test_families import hard_texts, ours

from cutaway.tokenization.models import fast_unigram
from cutaway.tokenization.models.unigram import Unigram
from cutaway.tokenization.normalizers.sentencepiece import SentencePieceNormalizer
from cutaway.tokenization.pipeline import Pipeline
from cutaway.tokenization.splitters.sentencepiece import SentencePieceSplitter
from cutaway.tokenization.tokenizer import Tokenizer

pieces = st.dictionaries(
    st.text("ab▁é", min_size=1, max_size=4).filter(lambda piece: "▁" not in piece[1:]),
    st.integers(-12, -1).map(lambda score: score / 3),
    max_size=10,
)


def tokenizer_of(scores: dict[str, float], precision: str) -> Tokenizer:
    listed = [
        ("<unk>", 0.0),
        ("▁", -2.5),
        *((piece, score) for piece, score in scores.items() if piece != "▁"),
    ]
    if precision == "single":
        listed = [(piece, float(np.float32(score))) for piece, score in listed]
    model = Unigram(listed, unknown_id=0, hidden={0}, precision=precision)  # type: ignore[arg-type]
    return Tokenizer(
        Pipeline(model=model, normalizer=SentencePieceNormalizer(), splitter=SentencePieceSplitter())
    )


@given(scores=pieces, texts=st.lists(st.text("ab é日", max_size=60), max_size=5))
@settings(max_examples=150, deadline=None)
def test_batch_equals_single_with_any_pieces(scores: dict[str, float], texts: list[str]) -> None:
    tokenizer = tokenizer_of(scores, "single")
    assert isinstance(tokenizer.fast, fast_unigram.FastUnigram)
    batch = tokenizer.encode_batch([*texts, " ".join(texts * 40)], threads=1)
    assert [row.tolist() for row in batch] == [
        tokenizer.encode(text).ids for text in [*texts, " ".join(texts * 40)]
    ]


@pytest.mark.parametrize("options", [{}, {"byte_fallback": True, "vocab_size": 700}])
def test_model_file_is_encoded_alike_on_both_paths(
    options: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spiece.model"
    path.write_bytes(sentencepiece_model("unigram", **options))
    monkeypatch.setattr(fast_unigram, "MEMORY", 16)  # many words share a place
    tokenizer = Tokenizer.load(path)
    texts = [*hard_texts(31, 300), *TEXTS, " ".join(TEXTS * 3), "x" * 5000, "日" * 2000]
    batch = tokenizer.encode_batch(texts, threads=2)
    assert [row.tolist() for row in batch] == [tokenizer.encode(text).ids for text in texts]
    assert isinstance(tokenizer.fast, fast_unigram.FastUnigram)


def test_a_nearly_equal_way_is_chosen_by_the_sum_so_far() -> None:
    third = float(np.float32(-1 / 3))
    scores = {"a": third, "b": 2 * third, "ab": 3 * third}
    tokenizer = tokenizer_of(scores, "single")
    text = " ".join(["ab"] * 500)
    ids = tokenizer.encode(text).ids
    assert tokenizer.encode_batch([text]).ids.tolist() == ids
    assert len({tuple(ids[at : at + 2]) for at in range(len(ids) - 1)}) > 1


def test_families_of_the_field_have_a_compiled_encoder() -> None:
    assert isinstance(ours("t5").fast, fast_unigram.FastUnigram)
    assert isinstance(ours("xlm_roberta").fast, fast_unigram.FastUnigram)
    assert ours("albert").fast is None
    assert replace(ours("t5").pipeline, post=None).post is None
