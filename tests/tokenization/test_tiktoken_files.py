"""Rank files: the ids of tiktoken with the published encodings, by both paths; and damaged files."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tokenization.test_families import hard_texts

from cutaway.core.errors import FormatError
from cutaway.tokenization.formats.tiktoken import read_tiktoken
from cutaway.tokenization.models.bpe import BytePairEncoding
from cutaway.tokenization.tokenizer import Tokenizer

NAMES = ["r50k", "cl100k", "o200k"]
pytestmark = pytest.mark.xdist_group("rank files")


@pytest.fixture
def folder(data_folder: Path) -> Path:
    return data_folder / "tokenizers"


@cache
def ours(path: Path) -> Tokenizer:
    return Tokenizer.load(path)


@cache
def reference(path: Path) -> Any:
    import tiktoken

    file = read_tiktoken(path)
    return tiktoken.Encoding(
        file.encoding.name,
        pat_str=file.encoding.pattern,
        mergeable_ranks=dict(file.ranks),
        special_tokens=dict(file.encoding.special),
    )


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_ids_equal_the_reference_on_hard_text(name: str, folder: Path) -> None:
    path = folder / f"{name}_base.tiktoken"
    texts = [*hard_texts(23, 900), "a" * 3000, "ab" * 700 + "<|endoftext|>", "x" * 200 + "é" * 90]
    batch = ours(path).encode_batch(texts, threads=1)
    theirs = reference(path).encode_batch(texts, allowed_special="all", num_threads=1)
    assert [row.tolist() for row in batch] == theirs
    for text, ids in zip(texts[::3], theirs[::3], strict=True):
        assert ours(path).encode(text).ids == ids
        assert ours(path).decode(ids, special=True) == text


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_ids_equal_the_reference_on_reviews(name: str, folder: Path) -> None:
    import pyarrow.parquet as pq

    path = folder / f"{name}_base.tiktoken"
    table = pq.read_table(folder.parent / "imdb" / "train.parquet", columns=["text"])
    texts = table["text"].to_pylist()[::10]
    batch = ours(path).encode_batch(texts, threads=2)
    theirs = reference(path).encode_ordinary_batch(texts, num_threads=2)
    assert np.array_equal(batch.ids, np.concatenate(theirs))
    for text, row in list(zip(texts, batch, strict=True))[::250]:
        assert ours(path).encode(text).ids == row.tolist()


@pytest.mark.data
def test_what_is_written_is_the_file_that_was_read(folder: Path, tmp_path: Path) -> None:
    path = folder / "r50k_base.tiktoken"
    ours(path).save(tmp_path / "r50k.tiktoken")
    assert read_tiktoken(tmp_path / "r50k.tiktoken").ranks == read_tiktoken(path).ranks


@pytest.mark.data
def test_forest_of_merges_ends_in_the_pieces(folder: Path) -> None:
    tokenizer = ours(folder / "r50k_base.tiktoken")
    model = tokenizer.pipeline.model
    assert isinstance(model, BytePairEncoding)
    rows = model.steps("Ġunaffably")
    parents = {row["left"] for row in rows} | {row["right"] for row in rows}
    roots = sorted(
        (row["start"], row["end"], row["id"])
        for row in rows
        if row["node"] not in parents  # type: ignore[type-var]
    )
    assert roots == [(piece.start, piece.end, piece.id) for piece in model.pieces("Ġunaffably")]
    assert [row["rank"] for row in rows if row["left"] is not None] != []


def line(token: bytes, rank: object) -> bytes:
    return base64.b64encode(token) + f" {rank}\n".encode()


ALPHABET = b"".join(line(bytes([byte]), byte) for byte in range(256))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ALPHABET + line(b"ab", 255), "1 ranks stand twice: rank 255"),
        (ALPHABET + b"!!! 256\n", "line 257 is b'!!! 256'"),
        (ALPHABET + line(b"ab", "many"), "line 257"),
        (ALPHABET + line(b"a", 256), "gives b'a' again"),
        (line(b"a", 0), "255 of the 256 bytes are no tokens: 0x00"),
        (ALPHABET, "has 256 ranks, and no known encoding has"),
        (b"", "256 of the 256 bytes"),
    ],
)
def test_damaged_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        Tokenizer.load(path)


def test_a_file_named_after_an_encoding_may_have_other_ranks(tmp_path: Path) -> None:
    path = tmp_path / "cl100k_base.tiktoken"
    path.write_bytes(ALPHABET + line(b"ab", 256) + line(b"abab", 257))
    tokenizer = Tokenizer.load(path)
    assert tokenizer.encode("ababx").ids == [257, ord("x")]
    assert tokenizer.encode_batch(["ababx", ""]).ids.tolist() == [257, ord("x")]
