"""Vocabularies from files: what loads, and how a damaged file is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cutaway.core.errors import FormatError, MissingFileError, ShapeError, UnknownNameError
from cutaway.tokenization.tokenizer import Tokenizer

SPECIAL = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"


@pytest.fixture(scope="module")
def whole_document(minilm_folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((minilm_folder / "tokenizer.json").read_text(encoding="utf-8"))
    document["model"]["vocab"] = dict(list(document["model"]["vocab"].items())[:200])
    return document


def test_every_way_to_load_gives_the_same_vocabulary(minilm_folder: Path) -> None:
    ways = ["bert-base-uncased", "all-MiniLM-L6-v2", minilm_folder]
    ways += [minilm_folder / "vocab.txt", minilm_folder / "tokenizer.json"]
    pieces = {Tokenizer.load(way).vocabulary.pieces for way in ways}
    assert len(pieces) == 1


def test_ids_and_names_of_the_special_tokens(tokenizer: Tokenizer) -> None:
    assert tokenizer.vocab_size == 30522
    ids = (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id)
    assert ids == (0, 100, 101, 102, 103)
    assert tokenizer.token_of(5244) == "##ms"
    assert tokenizer.id_of("##ms") == 5244
    with pytest.raises(ShapeError, match="id 30522 is outside"):
        tokenizer.decode([101, 30522])
    with pytest.raises(UnknownNameError, match="no piece 'LLMs'"):
        tokenizer.id_of("LLMs")


def test_carriage_returns_and_a_byte_order_mark_are_no_part_of_pieces(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\xef\xbb\xbf" + (SPECIAL + "a\u2028b\n").replace("\n", "\r\n").encode())
    assert Tokenizer.load(path).vocabulary.pieces == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a\u2028b")
    assert Tokenizer.load(tmp_path).mask_id is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        ((SPECIAL + "a\nb\na\nb\n").encode(), "2 pieces stand twice: line 7 repeats 'a' of line 5; line 8"),
        ((SPECIAL + "a\n\nb\n").encode(), "line 6 is empty"),
        (b"[PAD]\n[CLS]\n[SEP]\na\n", r"has no \[UNK\]"),
        (b"a\nb\n", r"has no \[UNK\], \[CLS\], \[SEP\], \[PAD\]"),
        (SPECIAL.encode() + b"ok\nn\xffo\n", r"line 6 is not valid UTF-8 \(byte 28, 0xff\)"),
    ],
)
def test_damaged_vocabulary_is_refused_with_the_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        Tokenizer.load(path)


def put(*place: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for name in place[:-1]:
            document = document[name]
        document[place[-1]] = value

    return change


def drop(*place: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for name in place[:-1]:
            document = document[name]
        del document[place[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("model", "type", value="Neural"), "model.type is 'Neural'.*: there are BPE, Unigram, WordPiece"),
        (put("model", "type", value="BPE"), "has no model.merges"),
        (put("model", value=3), "model is 3: it must be an object"),
        (put("normalizer", "type", value="Magic"), "normalizer.type is 'Magic'.* not supported"),
        (put("normalizer", "clean_text", value=1), "normalizer.clean_text is 1"),
        (put("model", "unk_token", value=["x"]), "model.unk_token is"),
        (put("model", "unk_token", value="<gone>"), "model.vocab has no <gone>"),
        (put("model", "vocab", value=[1]), r"model.vocab is \[1\]"),
        (put("model", "vocab", "[unused5]", value=0), "1 ids that are out of range or taken: '.unused5.': 0"),
        (put("model", "vocab", "[unused5]", value=10**9), "ids are wrong: no token has 6; no token has 200"),
        (put("model", "vocab", "[unused5]", value=-1), "'.unused5.': -1"),
        (put("model", "vocab", "[unused5]", value="7"), "'.unused5.': '7'"),
        (put("added_tokens", value={}), "added_tokens is {}: it must be a list"),
        (put("added_tokens", value=[{"content": "<x>", "id": 3}]), "'<x>' has 3, as has '.unused2.'"),
        (put("added_tokens", value=[{"content": "<x>", "id": 10**9}]), "'<x>' has 1000000000, far beyond"),
        (put("added_tokens", value=[{"content": "[UNK]", "id": 100, "lstrip": 1}]), r"\[0\].lstrip is 1"),
        (put("added_tokens", value=[{"content": "<y>"}]), r"has no added_tokens\[0\].id"),
        (put("added_tokens", value=[{"content": [], "id": 100}]), r"added_tokens\[0\].content is \[\]"),
        (put("post_processor", "special_tokens", value={}), "names '.CLS.', which special_tokens lacks"),
        (put("post_processor", "special_tokens", "[SEP]", "ids", value=[7]), "puts in '.SEP.' with id 7"),
        (put("truncation", "strategy", value="Any"), "truncation.strategy is 'Any'"),
        (put("padding", "direction", value="Up"), "padding.direction is 'Up'"),
        (put("decoder", "prefix", value=3), "decoder.prefix is 3"),
    ],
)
def test_part_that_is_not_supported_is_named(
    change: Callable[[dict[str, Any]], None], message: str, whole_document: dict[str, Any], tmp_path: Path
) -> None:
    document = json.loads(json.dumps(whole_document))
    change(document)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        Tokenizer.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1, column 1"),
        ('{"model": ', "line 1, column 11"),
        ("{}", "has no model"),
        ("[]", "holds a list"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_document_that_is_no_tokenizer_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        Tokenizer.load(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(b'{"model": "\xff"}')
    with pytest.raises(FormatError, match="byte 11 is not valid UTF-8"):
        Tokenizer.load(path)


def test_missing_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no file or folder .*absent\.txt"):
        Tokenizer.load(tmp_path / "absent.txt")
    with pytest.raises(MissingFileError, match=r"neither vocab\.txt nor tokenizer\.json"):
        Tokenizer.load(tmp_path)
    with pytest.raises(UnknownNameError, match="no 'bert-huge'"):
        Tokenizer.load("bert-huge")
