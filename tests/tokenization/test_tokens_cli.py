"""`cutaway tokens`: what it prints, as JSON and for people, and how it refuses."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from cutaway.cli.main import main
from cutaway.tokenization.tokenizer import Tokenizer


def feed(monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def test_encode_prints_one_line_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", "encode", "LLMs [b]"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["101", "[CLS]", "0:0"],
        ["2222", "ll", "0:2"],
        ["5244", "##ms", "2:4"],
        ["1031", "[", "5:6"],
        ["1038", "b", "6:7"],
        ["1033", "]", "7:8"],
        ["102", "[SEP]", "0:0"],
        ["7", "tokens"],
    ]


def test_encode_json_is_the_encoding(capsys: pytest.CaptureFixture[str], tokenizer: Tokenizer) -> None:
    assert main(["tokens", "encode", "Ça va, LLMs?", "--json", "--max-tokens", "5"]) == 0
    printed = json.loads(capsys.readouterr().out)
    encoding = tokenizer.encode("Ça va, LLMs?", max_tokens=5)
    assert printed["ids"] == encoding.ids
    assert printed["tokens"] == encoding.tokens
    assert printed["offsets"] == [list(span) for span in encoding.offsets]


def test_encode_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tokenizer: Tokenizer
) -> None:
    feed(monkeypatch, "שלום 🙂 ".encode() * 2000)
    assert main(["tokens", "encode", "-", "--json", "--no-special"]) == 0
    expected = tokenizer.encode("שלום 🙂 " * 2000, special=False).ids
    assert json.loads(capsys.readouterr().out)["ids"] == expected


def test_trace_prints_every_try(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", "encode", "LLMs \u2603x", "--trace"]) == 0
    first, second, formula = capsys.readouterr().out.splitlines()
    assert " ".join(first.split()) == "llms [0:4] llms no llm no ll = 2222 ##ms = 5244"
    assert " ".join(second.split()) == "\u2603x [5:7] \u2603x no \u2603 no [UNK] = 100"
    assert "tracing.py:" in formula


def test_trace_json_holds_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", "encode", "LLMs", "--trace", "--json"]) == 0
    tables = json.loads(capsys.readouterr().out)["tables"]
    assert tables["tokens"]["rows"] == [[0, "ll", 2222, 0, 2, 0], [1, "##ms", 5244, 2, 4, 0]]


@pytest.mark.parametrize(
    "ids", [["101", "2222", "5244", "102"], ["101,2222,5244,102"], ["[101, 2222, 5244, 102]"]]
)
def test_decode_reads_ids_as_they_are_written(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", "decode", *ids]) == 0
    assert capsys.readouterr().out == "llms\n"
    assert main(["tokens", "decode", *ids, "--special", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "[CLS] llms [SEP]"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["decode", "12", "x"], 2, "'x' is not an id"),
        (["decode", "99999999"], 1, "id 99999999 is outside the vocabulary"),
        (["encode", "a", "--max-tokens", "1"], 2, "max_tokens is 1: it must be at least 2"),
        (["encode", "a", "--tokenizer", "nobody"], 1, "the catalog has no 'nobody'"),
        (
            ["encode", "a", "--tokenizer", "absent/vocab.txt"],
            1,
            "there is no file or folder absent/vocab.txt",
        ),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tokens", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_input_that_is_no_text_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feed(monkeypatch, b"ab\xffc")
    assert main(["tokens", "encode", "-"]) == 1
    assert "byte 2 is not valid UTF-8" in capsys.readouterr().err


def test_damaged_vocabulary_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "vocab.txt").write_bytes(b"[UNK]\n\xff\n")
    assert main(["tokens", "encode", "a", "--tokenizer", str(tmp_path)]) == 1
    assert "line 2 is not valid UTF-8" in capsys.readouterr().err
