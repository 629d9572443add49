"""Tokenizers side by side: measures by hand, the commands, and what they refuse."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from cutaway.cli.main import main
from cutaway.core.errors import DataError
from cutaway.tokenization.comparing import corpus_measures, cut_by_each
from cutaway.tokenization.tokenizer import Tokenizer


def test_measures_are_those_counted_by_hand(tokenizer: Tokenizer) -> None:
    measured = corpus_measures(tokenizer, ["I love LLMs", "日 \u2603x love"])
    # i love ll ##ms | 日 [UNK] love
    assert (measured.texts, measured.words, measured.tokens, measured.unknown) == (2, 6, 7, 1)
    assert measured.whole_words == 5  # [UNK] is one token too
    assert measured.bytes == len("I love LLMs日 \u2603x love".encode())
    assert measured.tokens_per_word == 7 / 6
    assert measured.used == 6
    assert measured.measures()["used_share"] == 6 / 30522
    with pytest.raises(DataError, match="no words in 1 texts"):
        corpus_measures(tokenizer, [" "])


def test_cuts_are_characters_of_the_text(tokenizer: Tokenizer) -> None:
    assert cut_by_each("Ça LLMs", {"b": tokenizer}) == {"b": [("Ça", 6187), ("LL", 2222), ("Ms", 5244)]}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("the cat sat\nthe cat\r\n", encoding="utf-8-sig")
    with gzip.open(tmp_path / "b.txt.gz", "wb") as file:
        file.write("on the mat é\n".encode() * 20)
    return tmp_path


def test_train_encode_and_measure_files(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [str(files / "a.txt"), str(files / "b.txt.gz")]
    made = str(files / "mine.json")
    assert (
        main(["tokens", "train", *texts, "--out", made, "--vocab-size", "280", "--json", "--trace", "2"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["merges"] == len(Tokenizer.load(made).pipeline.model.merges)  # type: ignore[attr-defined]
    assert len(told["trace"]["tables"]["merges"]["rows"]) == 2
    out = files / "ids.npy"
    assert main(["tokens", "encode-file", *texts, "--tokenizer", made, "--out", str(out), "--json"]) == 0
    capsys.readouterr()
    ids, rows = np.load(out), np.load(files / "ids.rows.npy")
    loaded = Tokenizer.load(made)
    assert ids[: rows[1]].tolist() == loaded.encode("the cat sat").ids
    assert (ids.dtype, len(rows), rows[-1]) == (np.int32, 23, len(ids))
    assert main(["tokens", "stats", *texts, "--tokenizers", f"{made},bert-base-uncased", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured[made]["texts"] == 22
    assert measured[made]["unknown_rate"] == 0


def test_compare_prints_and_draws(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = files / "bars.svg"
    arguments = ["tokens", "compare", "LLMs <b>", "--tokenizers", "bert-base-uncased", "--plot", str(plot)]
    assert main(arguments) == 0
    assert "LL|Ms|<|b|>|" in capsys.readouterr().out
    assert "<title>Tokens</title>" in plot.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["stats", "absent.txt"], 1, "no file absent.txt"),
        (["stats", "{}/bad.txt"], 1, "line 2 is not valid UTF-8"),
        (["stats", "{}/bad.parquet"], 1, "no Parquet file"),
        (["stats", "{}/bad.gz"], 1, "is damaged"),
        (["stats", "{}/empty.txt"], 1, "no words in 0 texts"),
        (["train", "{}/empty.txt", "--out", "{}/x.json"], 1, "no text to learn from"),
        (["train", "{}/good.txt", "--out", "{}/x.weird"], 2, "is no format of a tokenizer"),
        (["encode-file", "{}/good.txt", "--out", "{}/x.bin"], 2, "must end in .npy"),
        (["compare", "a", "--tokenizers", ","], 2, "names none"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    arguments: list[str], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.txt").write_bytes(b"ok\nn\xffo\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    (tmp_path / "bad.gz").write_bytes(b"no gzip")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "good.txt").write_bytes(b"some words\n")
    assert main(["tokens", *(argument.replace("{}", str(tmp_path)) for argument in arguments)]) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
