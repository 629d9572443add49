"""Marks that are not stripped are put in canonical order, and their offsets with them.

BERT's own vocabulary turns such words into [UNK], which hides the order; here every mark is a piece.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from cutaway.tokenization.bert import bert_pipeline
from cutaway.tokenization.normalizers.characters import bert_characters
from cutaway.tokenization.tokenizer import Tokenizer
from cutaway.tokenization.vocabulary import BertVocabulary

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


@pytest.fixture(scope="module")
def alphabet() -> list[str]:
    """Every mark that sorts, stripped or not, what holds some, and a few that end a cluster."""
    characters = bert_characters()
    rows = characters.combining.rows
    marks = [chr(code) for first, last, _ in rows for code in range(first, last + 1)]
    kept = [mark for mark in marks if characters[mark].becomes]
    composed = [char for char in characters.decomposed if any(known for known, _ in characters[char].parts)]
    return [*marks, *kept * 12, *composed, *"abé각\u034f\u200d日! " * 10]


@pytest.fixture(scope="module")
def pieces(alphabet: list[str]) -> list[str]:
    folds = {fold for char in alphabet for fold in bert_characters()[char].becomes}
    return [*SPECIAL, *sorted(folds), *(f"##{fold}" for fold in sorted(folds))]


@pytest.fixture(scope="module")
def texts(alphabet: list[str]) -> list[str]:
    choose = random.Random(4)
    return ["".join(choose.choices(alphabet, k=choose.randint(2, 12))) for _ in range(3000)]


def test_ids_and_offsets_equal_the_reference_when_every_mark_is_a_piece(
    pieces: list[str], texts: list[str]
) -> None:
    from tokenizers import Tokenizer as Reference
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    reference: Any = Reference(WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    reference.normalizer = BertNormalizer()
    reference.pre_tokenizer = BertPreTokenizer()
    tokenizer = Tokenizer(bert_pipeline(BertVocabulary(pieces)))
    batch = tokenizer.encode_batch(texts, special=False)
    moved = 0
    for text, row, theirs in zip(texts, batch, reference.encode_batch(texts), strict=True):
        ours = tokenizer.encode(text, special=False)
        assert (ours.ids, ours.offsets) == (theirs.ids, theirs.offsets), ascii(text)
        assert row.tolist() == theirs.ids, ascii(text)
        moved += "".join(bert_characters()[char].becomes for char in text if char != " ") != "".join(
            token.removeprefix("##") for token in ours.tokens
        )
    assert moved > 300


def test_two_marks_in_the_wrong_order_are_sorted() -> None:
    tokenizer = Tokenizer(bert_pipeline(BertVocabulary([*SPECIAL, "a", "##\u302e", "##\U0001d165"])))
    assert tokenizer.encode("a\u302e\U0001d165", special=False).ids == [4, 6, 5]
    assert tokenizer.encode_batch(["a\u302e", "a\u302e\U0001d165"], special=False).ids.tolist() == [
        4,
        5,
        4,
        6,
        5,
    ]
